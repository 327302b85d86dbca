package sshd

import (
	"context"
	"strings"
)

// jfrogHandover is the one JSON object that jf and jfrog-client-go read. The
// header's name is looked up exactly as written here.
type jfrogHandover struct {
	Href    string            `json:"href"`
	Headers map[string]string `json:"headers"`
}

// jfrogAuthenticate gives jf an address and a token for it.
func jfrogAuthenticate(ctx context.Context, c *call) error {
	if strings.TrimSpace(c.line) != "" {
		return wrong("jfrog-authenticate stands alone")
	}
	token, _, err := c.server.cfg.Auth.Tokens.ForClient(ctx, c.who)
	if err != nil {
		return err
	}
	bearer, err := authorization(token.Reveal())
	if err != nil {
		return err
	}
	return c.json(jfrogHandover{
		Href:    c.server.base + "/artifactory/",
		Headers: map[string]string{"Authorization": bearer},
	})
}
