package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/fromenv"
)

// modelNamespace is the namespace of the Model that is created from the environment.
const modelNamespace = "default"

// offerTimeout is how long the start waits for the Model.
const offerTimeout = 10 * time.Second

// offerModel creates the Model default from the model settings in the environment, if the flags
// permit it. Otherwise it logs that it could. An existing Model stays unchanged.
func (o *options) offerModel(ctx context.Context) {
	offer, found := fromenv.Find(os.Getenv)
	if !found || o.mode != modeStandalone || o.engine.engine != engineEmbedded && !o.engine.modelFromEnv {
		if o.engine.modelFromEnv {
			slog.Warn("--model-from-env: the environment tells of no model", "fix", "set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST")
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	if err := o.takeModel(ctx, offer); err != nil && ctx.Err() == nil {
		slog.Error("the Model default cannot be made of the environment", "variable", offer.Variable, "err", err)
	}
}

func (o *options) takeModel(ctx context.Context, offer fromenv.Offer) error {
	client, err := o.adminClient()
	if err != nil {
		return err
	}
	err = client.Get(ctx, "models", modelNamespace, "default", &v1alpha1.Model{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	if !o.engine.modelFromEnv {
		slog.Warn("there is no Model default, and the environment tells of one that is not used", "variable", offer.Variable, "model", offer,
			"fix", "--model-from-env makes it the Model default")
		return nil
	}
	offer = offer.Named(ctx)
	if secret := offer.Secret(modelNamespace); secret != nil {
		secrets := client.Core.CoreV1().Secrets(modelNamespace)
		_, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
		}
		if err != nil {
			return fmt.Errorf("keep the key in a Secret: %w", err)
		}
	}
	if err := client.Create(ctx, "models", offer.Model(modelNamespace)); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make the Model default: %w", err)
	}
	slog.Warn("the Model default is made of the environment", "variable", offer.Variable, "model", offer)
	return nil
}
