package sshd

import (
	"context"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

func sessionVerbs() []verb {
	return []verb{{"list", "", sessionList}, {"revoke", "ID", sessionRevoke}}
}

func sessionList(ctx context.Context, c *call, words []string) error {
	asJSON, err := c.plain(words)
	if err != nil {
		return err
	}
	sessions, err := c.server.cfg.Auth.Sessions.List(ctx, c.self(), c.who.User)
	if err != nil {
		return err
	}
	return writeItems(c, sessions, asJSON, "ID\tCREATED\tEXPIRES\tLAST USED\tFROM\tCLIENT", func(s auth.SessionInfo) []string {
		return []string{s.ID, when(s.Created, ""), when(s.Expires, ""), when(s.LastUsed.At, "never"), s.LastUsed.Addr, s.LastUsed.Client}
	})
}

func sessionRevoke(ctx context.Context, c *call, words []string) error {
	id, asJSON, err := c.one(words, "session")
	if err != nil {
		return err
	}
	if err := c.server.cfg.Auth.Sessions.Revoke(ctx, c.self(), id); err != nil {
		return err
	}
	return c.gone(asJSON, id, "revoked")
}

func sshkeyVerbs() []verb {
	return []verb{{"list", "", sshkeyList}, {"delete", "ID", sshkeyDelete}}
}

func sshkeyList(ctx context.Context, c *call, words []string) error {
	asJSON, err := c.plain(words)
	if err != nil {
		return err
	}
	keys, err := c.server.cfg.Auth.SSHKeys.List(ctx, c.self(), c.who.User)
	if err != nil {
		return err
	}
	return writeItems(c, keys, asJSON, "ID\tTYPE\tCREATED\tEXPIRES\tLAST USED\tTITLE", func(k auth.SSHKeyInfo) []string {
		return []string{k.ID, k.Type, when(k.Created, ""), when(k.Expires, "never"), when(k.LastUsed.At, "never"), k.Title}
	})
}

// sshkeyDelete takes an id, or the fingerprint that ssh-keygen -l shows.
func sshkeyDelete(ctx context.Context, c *call, words []string) error {
	id, asJSON, err := c.one(words, "SSH key")
	if err != nil {
		return err
	}
	if strings.HasPrefix(id, "SHA256:") {
		if id, err = c.keyWithFingerprint(ctx, id); err != nil {
			return err
		}
	}
	if err := c.server.cfg.Auth.SSHKeys.Delete(ctx, c.self(), id); err != nil {
		return err
	}
	return c.gone(asJSON, id, "deleted")
}

func (c *call) keyWithFingerprint(ctx context.Context, fingerprint string) (id string, err error) {
	keys, err := c.server.cfg.Auth.SSHKeys.List(ctx, c.self(), c.who.User)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		if k.Fingerprint == fingerprint {
			return k.ID, nil
		}
	}
	return "", wrong("you have no key %s", fingerprint)
}

func apikeyVerbs() []verb {
	return []verb{{"revoke", "", apikeyRevoke}}
}

func apikeyRevoke(ctx context.Context, c *call, words []string) error {
	asJSON, err := c.plain(words)
	if err != nil {
		return err
	}
	if err := c.server.cfg.Auth.Keys.Revoke(ctx, c.self(), c.who.User); err != nil {
		return err
	}
	return c.gone(asJSON, c.who.User, "revoked")
}
