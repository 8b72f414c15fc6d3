package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/token"
)

const aboutToken = `Make, list and revoke the tokens by which users reach a standalone server. Only a hash of a
token is stored: whoever loses it gets a new one.

  ark-server token create --user=alice --group=team-a --ttl=24h   # prints the token alone
  ark-server token create --user=alice --for=chat --tokens-per-day=100000
  ark-server token list
  ark-server token revoke 9f86d081884c7d65

It asks the running server, as the admin whose token is in --keys-dir. Where none runs it opens
the database itself. A token that was revoked is refused at once, and by other replicas within a second.
--for=chat makes a key for OpenAI's API, which opens nothing else, and there one namespace and, with
--target, single agents, teams, models or tools; it may have limits. What a user may do is a matter of Roles and RoleBindings.`

func newTokenCommand() *cobra.Command {
	return parent("token", "token create, token list or token revoke", "Make, list and revoke the tokens of users", aboutToken, newTokenCreateCommand(), newTokenListCommand(), newTokenRevokeCommand())
}

// defaultTokenTTL is the default validity of a token.
const defaultTokenTTL = 24 * time.Hour

func newTokenCreateCommand() *cobra.Command {
	o := newOptions()
	var asked token.Request
	var chat token.Chat
	ttl, purpose := defaultTokenTTL, forAPI
	flags := group(ownFlags, func(fs *pflag.FlagSet) {
		fs.StringVar(&asked.User, "user", "", "`name` of the user")
		fs.StringArrayVar(&asked.Groups, "group", nil, "`name` of a group that the user is in; may be given several times")
		fs.DurationVar(&ttl, "ttl", ttl, "how long the token is good; 0 for until it is revoked")
		fs.StringVar(&purpose, "for", purpose, "what the token opens, `api|chat`: all that the user may do, or OpenAI's API alone")
		fs.StringVar(&chat.Namespace, "namespace", "", "with --for=chat, the `namespace` that the key is for (default \"default\")")
		fs.StringArrayVar(&chat.Targets, "target", nil, "with --for=chat, an `id` that the key may ask, such as agent/guide; may be given several times; none for all that the user may ask")
		fs.Int64Var(&chat.Limits.RequestsPerMinute, "requests-per-minute", 0, "with --for=chat, the most `requests` in 60 seconds; 0 for no limit")
		fs.Int64Var(&chat.Limits.TokensPerMinute, "tokens-per-minute", 0, "with --for=chat, the `tokens` of a model in 60 seconds; 0 for no limit")
		fs.Int64Var(&chat.Limits.TokensPerDay, "tokens-per-day", 0, "with --for=chat, the `tokens` of a model on a day, in UTC; 0 for no limit")
	})
	return withFlags(&cobra.Command{
		Use:   "create --user=NAME",
		Short: "Make a token for a user, and print it",
		Long:  aboutToken,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asked.User == "" {
				return usageError{errors.New("--user is missing: name the user, such as --user=alice")}
			}
			asked, err := tokenRequest(asked.User, asked.Groups, ttl)
			if err != nil {
				return usageError{err}
			}
			if asked.Chat, err = chatKey(purpose, chat); err == nil {
				err = asked.Validate()
			}
			if err != nil {
				return usageError{err}
			}
			tokens, closeAll, err := o.openTokens(cmd)
			if err != nil {
				return err
			}
			text, err := tokens.create(cmd.Context(), asked)
			if err = errors.Join(err, closeAll()); err != nil {
				return fmt.Errorf("make a token: %w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}, append([]flagGroup{flags}, o.serverFlags()...)...)
}

// The purposes of a token.
const (
	forAPI  = "api"
	forChat = "chat"
)

// chatKey returns the limits of a chat key, or nil for a token of the other purpose.
func chatKey(purpose string, asked token.Chat) (*token.Chat, error) {
	if err := checkValue("for", purpose, forAPI, forChat); err != nil {
		return nil, err
	}
	if purpose == forChat {
		asked.Namespace = cmp.Or(asked.Namespace, "default")
		return &asked, nil
	}
	if asked.Namespace != "" || len(asked.Targets) > 0 || asked.Limits != (token.Limits{}) {
		return nil, errors.New("--namespace, --target and limits are for keys for chat: add --for=chat, or leave them out")
	}
	return nil, nil
}

// opens returns the purpose of a token: api, or chat with the namespace, the targets and the
// limits.
func opens(t *token.Token) string {
	if t.Chat == nil {
		return forAPI
	}
	return strings.Join(slices.Concat([]string{forChat + " in " + t.Chat.Namespace}, t.Chat.Targets, t.Chat.Limits.Texts()), ",")
}

// tokenRequest returns a request for a token of a user. It validates only the form of the user
// name.
func tokenRequest(user string, groups []string, ttl time.Duration) (token.Request, error) {
	if ttl != 0 && ttl < time.Second {
		return token.Request{}, fmt.Errorf("--ttl=%s: use a second or more, such as 24h, or 0 for a token that is good until it is revoked", ttl)
	}
	asked := token.Request{User: user, Groups: groups, TTLSeconds: int64(ttl / time.Second)}
	return asked, asked.Validate()
}

func newTokenListCommand() *cobra.Command {
	o := newOptions()
	var output string
	flags := group(ownFlags, func(fs *pflag.FlagSet) {
		fs.StringVarP(&output, "output", "o", "text", "`text|json`")
	})
	return withFlags(&cobra.Command{
		Use:   "list",
		Short: "List the tokens: for whom, and until when",
		Long:  aboutToken,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkValue("output", output, "text", "json"); err != nil {
				return usageError{err}
			}
			tokens, closeAll, err := o.openTokens(cmd)
			if err != nil {
				return err
			}
			all, err := tokens.list(cmd.Context())
			if err = errors.Join(err, closeAll()); err != nil {
				return fmt.Errorf("list the tokens: %w", err)
			}
			return printTokens(cmd.OutOrStdout(), all, output)
		},
	}, append([]flagGroup{flags}, o.serverFlags()...)...)
}

func printTokens(out io.Writer, all []token.Token, output string) error {
	if output == "json" {
		return printJSON(out, all)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSER\tGROUPS\tCREATED\tEXPIRES\tFOR")
	for i := range all {
		t := &all[i]
		expires := "never"
		if t.Expires != nil {
			expires = t.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.User, strings.Join(t.Groups, ","), t.Created.Format(time.RFC3339), expires, opens(t))
	}
	return table.Flush()
}

func newTokenRevokeCommand() *cobra.Command {
	o := newOptions()
	return withFlags(&cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a token, by the ID that token list prints",
		Long:  aboutToken,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("name the token by its ID, which ark-server token list prints")}
			}
			tokens, closeAll, err := o.openTokens(cmd)
			if err != nil {
				return err
			}
			gone, err := tokens.revoke(cmd.Context(), args[0])
			err = errors.Join(err, closeAll())
			if errors.Is(err, token.ErrNotFound) {
				return fmt.Errorf("revoke %s: %w: ark-server token list lists them", args[0], err)
			}
			if err != nil {
				return fmt.Errorf("revoke %s: %w", args[0], err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "token %s of %s is revoked\n", gone.ID, gone.User)
			return err
		},
	}, o.serverFlags()...)
}
