package encryption

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/klog/v2"
)

// Poll is how often a running server looks at the file.
const Poll = 5 * time.Second

// Follow reads the file again when it changes, until the context ends, and encrypts everything with
// its first key. A file that cannot be used is logged, and the one before stays.
func (p *Provider) Follow(ctx context.Context) {
	log := klog.FromContext(ctx)
	refused, rewritten, told, stale := "", true, false, ""
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if p.Refresh != nil {
			switch err := p.Refresh(ctx); {
			case err == nil:
				stale = ""
			case ctx.Err() == nil && err.Error() != stale:
				stale = err.Error()
				log.Error(err, "The keys that the servers share cannot be read; those that this server has stay")
			}
		}
		hash, err := encryptionconfig.GetEncryptionConfigHash(p.file)
		if err == nil && hash != p.loaded.EncryptionFileContentHash && hash != refused {
			err = p.reload(ctx)
			if err != nil {
				refused = hash
			} else {
				log.Info("The keys of Secrets were read again", "file", p.file)
				rewritten = false
			}
		}
		if err != nil && ctx.Err() == nil {
			log.Error(err, "The changed file with the keys of Secrets cannot be used, and the one before stays: correct the file", "file", p.file)
		}
		if rewritten {
			var other *KeyError
			if err := checkWith(ctx, p.kv, p.file, p.transformers); errors.As(err, &other) && !told {
				told = true
				log.Error(err, "Another server on this database stores Secrets with a key that this one does not have: give all of them the same folder of keys")
			}
			return
		}
		if err := p.rewrite(ctx); err != nil {
			if ctx.Err() == nil {
				log.Error(err, "Failed to encrypt the Secrets with the first key; trying again")
			}
			return
		}
		rewritten = true
		log.Info("The Secrets are encrypted with the first key", "file", p.file)
	}, Poll)
}

// reload takes over the file, if what is stored can be decrypted with it.
func (p *Provider) reload(ctx context.Context) error {
	config, err := load(ctx, p.file)
	if err != nil {
		return err
	}
	if err := checkWith(ctx, p.kv, p.file, encryptionconfig.StaticTransformers(config.Transformers)); err != nil {
		config.stop()
		return err
	}
	p.transformers.Set(config.Transformers, config.stop, config.HealthChecks[0], config.KMSCloseGracePeriod)
	p.loaded = config
	return nil
}
