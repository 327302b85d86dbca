package sshd

import (
	"context"
	"fmt"

	"github.com/latchkey-io/latchkey/auth"
)

func tokenVerbs() []verb {
	return []verb{
		{"create", "", tokenCreate},
		{"list", "", tokenList},
		{"rotate", "ID", tokenRotate},
		{"revoke", "ID", tokenRevoke},
	}
}

// tokenAnswer is a token with its secrets, as the HTTP API gives it.
type tokenAnswer struct {
	auth.Token
	AccessToken    string `json:"access_token"`
	ReferenceToken string `json:"reference_token,omitempty"`
}

func tokenCreate(ctx context.Context, c *call, words []string) error {
	var n auth.NewToken
	var life string
	var asJSON bool
	rest, err := flags{
		values:   map[string]*string{"scope": &n.Scope, "expires": &life, "description": &n.Description, "audience": &n.Audience},
		switches: map[string]*bool{"reference": &n.Reference, "json": &asJSON},
	}.parse(words)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return wrong("%q is too much; a value with blanks needs quotes within quotes", rest[0])
	}
	if n.Life, err = parseLife(life); err != nil {
		return err
	}
	t, err := c.server.cfg.Auth.Tokens.Create(ctx, c.who, n)
	if err != nil {
		return err
	}
	return c.handOver(t, asJSON)
}

func tokenRotate(ctx context.Context, c *call, words []string) error {
	id, asJSON, err := c.one(words, "token")
	if err != nil {
		return err
	}
	t, err := c.server.cfg.Auth.Tokens.Rotate(ctx, c.self(), id)
	if err != nil {
		return err
	}
	return c.handOver(t, asJSON)
}

// handOver writes a token's secret, the short form if there is one, alone on
// stdout, so that it can be piped.
func (c *call) handOver(t auth.Token, asJSON bool) error {
	if asJSON {
		return c.json(tokenAnswer{t, t.JWT.Reveal(), t.Reference.Reveal()})
	}
	secret := t.Reference
	if secret.Empty() {
		secret = t.JWT
	}
	if _, err := authorization(secret.Reveal()); err != nil {
		return err
	}
	fmt.Fprintln(&c.out, secret.Reveal())
	c.complain(fmt.Sprintf("token %s ends %s; it is not shown again", t.ID, when(t.Expires, "never")))
	return nil
}

func tokenList(ctx context.Context, c *call, words []string) error {
	asJSON, err := c.plain(words)
	if err != nil {
		return err
	}
	tokens, err := c.server.cfg.Auth.Tokens.List(ctx, c.self(), c.who.User)
	if err != nil {
		return err
	}
	return writeItems(c, tokens, asJSON, "ID\tCREATED\tEXPIRES\tLAST USED\tSCOPE\tDESCRIPTION", func(t auth.Token) []string {
		return []string{t.ID, when(t.Created, ""), when(t.Expires, "never"), when(t.LastUsed.At, "never"), t.Scope, t.Description}
	})
}

func tokenRevoke(ctx context.Context, c *call, words []string) error {
	id, asJSON, err := c.one(words, "token")
	if err != nil {
		return err
	}
	if err := c.server.cfg.Auth.Tokens.Revoke(ctx, c.self(), id); err != nil {
		return err
	}
	return c.gone(asJSON, id, "revoked")
}
