package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

type sshKeyCommands struct {
	Create sshKeyCreate `cmd:"" help:"Register a public key, so that its holder signs in by SSH."`
	List   sshKeyList   `cmd:"" help:"List a user's public keys."`
	Delete sshKeyDelete `cmd:"" help:"Delete a public key."`
}

// maxPublicKey is the longest public key line, in bytes; an RSA key of 16384
// bits has about 2800.
const maxPublicKey = 16 << 10

type sshKeyCreate struct {
	User    string        `arg:"" help:"The user; me is yourself."`
	File    string        `arg:"" default:"-" help:"The public key, as ~/.ssh/id_ed25519.pub; standard input when left out."`
	Title   string        `help:"What it is called; the comment in the file when left out." placeholder:"TEXT"`
	Expires time.Duration `help:"How long it lives, as 720h; for ever when left out." placeholder:"LIFE"`
}

// sshKeyBody is what the API takes for a new key.
type sshKeyBody struct {
	Key     string `json:"key"`
	Title   string `json:"title,omitempty"`
	Expires string `json:"expires,omitempty"` // RFC 3339
}

func (k *sshKeyCreate) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	text, err := c.readPublic(k.File, maxPublicKey)
	if err != nil {
		return err
	}
	if strings.Contains(text, "PRIVATE KEY") {
		return usagef("%s holds a private key, which never leaves your machine: give the file that ends in .pub", k.File)
	}
	body := sshKeyBody{Key: strings.TrimSpace(text), Title: k.Title}
	if k.Expires < 0 {
		return usagef("--expires takes a time to come")
	}
	if k.Expires > 0 {
		body.Expires = time.Now().UTC().Add(k.Expires).Format(time.RFC3339)
	}
	var key auth.SSHKeyInfo
	raw, err := client.call(ctx, http.MethodPost, whose{k.User}.path("/sshkeys"), body, &key)
	if err != nil {
		return err
	}
	return c.done(raw, "registered %s %s for %s", key.Type, key.Fingerprint, key.Owner)
}

type sshKeyList struct{ whose }

func (k *sshKeyList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	keys, err := listOf[auth.SSHKeyInfo](ctx, client, k.whose, "/sshkeys")
	if err != nil {
		return err
	}
	return printList(c, keys, "ID TITLE TYPE FINGERPRINT CREATED ENDS USED", func(k auth.SSHKeyInfo) []string {
		return []string{k.ID, k.Title, k.Type, k.Fingerprint, stamp(k.Created), ends(k.Expires), used(k.LastUsed)}
	})
}

type sshKeyDelete struct {
	ID string `arg:"" help:"The key's id."`
}

func (k *sshKeyDelete) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, "/sshkeys/"+seg(k.ID), "deleted SSH key %s", k.ID)
}
