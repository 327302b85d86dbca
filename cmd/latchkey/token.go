package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Make an access token and print it; it is not shown again."`
	List   tokenList   `cmd:"" help:"List a user's tokens."`
	Show   tokenShow   `cmd:"" help:"Show a token's record, without the token."`
	Rotate tokenRotate `cmd:"" help:"End a token, at once or a while later, make another like it and print it."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
}

// life is how long a token lives: a duration, "never" (no end), or nothing
// (the configured default).
type life struct{ seconds *int64 }

// UnmarshalText reads it from the command line.
func (l *life) UnmarshalText(text []byte) error {
	seconds := int64(0)
	if string(text) != "never" {
		d, err := parseLife(string(text))
		if err != nil || d < time.Second {
			return fmt.Errorf("%q is neither a duration of 1s or more, as 30d or 720h, nor never", text)
		}
		seconds = int64(d / time.Second)
	}
	l.seconds = &seconds
	return nil
}

// parseLife reads a duration of Go's form, or whole days as 30d.
func parseLife(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

type tokenCreate struct {
	whose
	Scope       string `help:"What it opens, as applied-permissions/user or artifact:team/assets:r,w; everything you may when left out." placeholder:"SCOPE"`
	Description string `help:"What it is for." placeholder:"TEXT"`
	Expires     life   `help:"How long it lives, as 30d or 720h, or never; the configured default when left out." placeholder:"LIFE"`
	Audience    string `help:"For whom it is meant." placeholder:"AUDIENCE"`
	Reference   bool   `help:"Print the form of 64 characters, which also fits where an API key goes."`
}

// tokenBody is what the API takes for a new token.
type tokenBody struct {
	Scope       string `json:"scope,omitempty"`
	Description string `json:"description,omitempty"`
	ExpiresIn   *int64 `json:"expires_in,omitempty"`
	Reference   bool   `json:"reference,omitempty"`
	Audience    string `json:"audience,omitempty"`
}

// tokenAnswer is the API's answer that holds a token.
type tokenAnswer struct {
	auth.Token
	AccessToken    string `json:"access_token"`
	ReferenceToken string `json:"reference_token"`
}

func (t *tokenCreate) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	body := tokenBody{Scope: t.Scope, Description: t.Description, ExpiresIn: t.Expires.seconds, Reference: t.Reference, Audience: t.Audience}
	var token tokenAnswer
	raw, err := client.call(ctx, http.MethodPost, t.path("/tokens"), body, &token)
	if err != nil {
		return err
	}
	return c.handOverToken(raw, token, "")
}

// handOverToken prints the reference form where there is one: it was asked for.
// more is said beside it in the end.
func (c *console) handOverToken(raw json.RawMessage, token tokenAnswer, more string) error {
	secret := auth.NewSecret(token.AccessToken)
	if token.ReferenceToken != "" {
		secret = auth.NewSecret(token.ReferenceToken)
	}
	return c.handOver(raw, secret, "this is token %s of %s, shown this once; it ends: %s%s", token.ID, token.Owner, ends(token.Expires), more)
}

type tokenList struct {
	whose
	Ended bool `help:"Those that have ended within the last 30 days."`
}

func (t *tokenList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if t.Ended {
		return t.ended(ctx, c, client)
	}
	tokens, err := listOf[auth.Token](ctx, client, t.whose, "/tokens")
	if err != nil {
		return err
	}
	return printList(c, tokens, "ID DESCRIPTION SCOPE CREATED ENDS USED", func(t auth.Token) []string {
		return []string{t.ID, t.Description, t.Scope, stamp(t.Created), ends(t.Expires), used(t.LastUsed)}
	})
}

func (t *tokenList) ended(ctx context.Context, c *console, client *client) error {
	tokens, err := listOf[auth.Token](ctx, client, t.whose, "/tokens?ended=true")
	if err != nil {
		return err
	}
	return printList(c, tokens, "ID DESCRIPTION SCOPE CREATED ENDED WHY USED", func(t auth.Token) []string {
		return []string{t.ID, t.Description, t.Scope, stamp(t.Created), stamp(t.Ended), t.EndedWhy, used(t.LastUsed)}
	})
}

type tokenShow struct {
	ID string `arg:"" help:"The token's id."`
}

func (t *tokenShow) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var token auth.Token
	raw, err := client.call(ctx, http.MethodGet, "/tokens/"+seg(t.ID), nil, &token)
	if err != nil {
		return err
	}
	fields := []field{
		{"id", token.ID},
		{"owner", token.Owner},
		{"description", token.Description},
		{"scope", token.Scope},
		{"audience", token.Audience},
		{"created", stamp(token.Created)},
		{"ends", ends(token.Expires)},
		{"made with", string(token.MadeWith)},
		{"replaces", token.Replaces},
		{"replaced by", token.ReplacedBy},
		{"last used", used(token.LastUsed)},
	}
	for _, use := range token.RecentUses {
		fields = append(fields, field{"used by", strings.TrimSpace(used(use) + " " + use.Client)})
	}
	return c.printFields(raw, fields...)
}

type tokenRotate struct {
	ID      string `arg:"" help:"The token's id."`
	Overlap span   `help:"How long the old one works on, as 24h or 7d: a minute to 30 days, and never longer than it would have; not at all when left out." placeholder:"TIME"`
}

// span is a time in whole seconds, as 24h or 7d.
type span struct{ seconds int64 }

// UnmarshalText reads it from the command line.
func (s *span) UnmarshalText(text []byte) error {
	d, err := parseLife(string(text))
	if err != nil || d < time.Second {
		return fmt.Errorf("%q is not a duration of 1s or more, as 24h or 7d", text)
	}
	s.seconds = int64(d / time.Second)
	return nil
}

// rotateBody is what the API takes to rotate a token.
type rotateBody struct {
	Overlap int64 `json:"overlap"`
}

func (t *tokenRotate) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var body any
	if t.Overlap.seconds > 0 {
		body = rotateBody{t.Overlap.seconds}
	}
	var token tokenAnswer
	raw, err := client.call(ctx, http.MethodPost, "/tokens/"+seg(t.ID)+"/rotate", body, &token)
	if err != nil {
		return err
	}
	if body == nil {
		return c.handOverToken(raw, token, "")
	}
	return c.handOverToken(raw, token, "; how long the old one works on, and who uses it, says: latchkey token show "+t.ID)
}

type tokenRevoke struct {
	ID string `arg:"" help:"The token's id."`
}

func (t *tokenRevoke) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, "/tokens/"+seg(t.ID), "token %s has ended", t.ID)
}
