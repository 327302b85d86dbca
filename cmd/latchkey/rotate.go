package main

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
	"log/slog"
)

type rotateKeyCommand struct {
	Config      string `short:"c" help:"Configuration file, for a daemon that is stopped ($$LATCHKEY_CONFIG)." placeholder:"FILE"`
	Compromised bool   `help:"Somebody else may know the keys: make all of them anew. Every API key, token, session and encrypted password ends. Only while every daemon on the store is stopped."`
	Yes         bool   `help:"With --compromised: yes, end them all."`
}

// Run asks the daemon when one answers at the socket, and else opens the store
// itself: the lock of the file store, or the socket, tells which it is.
func (r *rotateKeyCommand) Run(ctx context.Context, c *console) error {
	if c.reach.URL != "" {
		return usagef("rotate-master-key works on the daemon's machine only, without --url")
	}
	if r.Compromised && !r.Yes {
		return usagef("--compromised ends every API key, token, session and encrypted password; say --yes if you mean it")
	}
	cfg, err := c.load(r.Config)
	if err != nil {
		return err
	}
	path := cfg.Socket()
	if c.reach.Socket != "" {
		path = c.reach.Socket
	}
	if conn, err := net.DialTimeout("unix", path, socketProbe); err == nil {
		conn.Close()
		body := struct {
			Compromised bool `json:"compromised"`
		}{r.Compromised}
		if _, err := socketClient(path).call(ctx, http.MethodPost, "/master-key/rotate", body, nil); err != nil {
			return err
		}
		return c.rotated(cfg.MasterKey())
	}
	log := event.NewLogger(c.err, slog.LevelWarn, false)
	store, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	err = auth.RewrapRing(ctx, store, cfg.MasterKey(), r.Compromised)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	return c.rotated(cfg.MasterKey())
}

func (c *console) rotated(path string) error {
	return c.done(nil, "the new master key is %s: copy it to where you keep it and to every replica; %s.old opens older backups only", path, path)
}
