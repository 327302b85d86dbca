package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/sshd"
)

type doctorCommand struct {
	Config string `short:"c" help:"Configuration file ($$LATCHKEY_CONFIG)." placeholder:"FILE"`
}

// finding is one thing that the doctor looked at. Both texts are empty when it
// is well; with Advice alone the daemon works all the same.
type finding struct {
	What    string `json:"what"`
	Problem string `json:"problem,omitempty"`
	Advice  string `json:"advice,omitempty"`
}

// advice is what ought to be done, and keeps nothing from working.
type advice string

func (a advice) Error() string { return string(a) }

// Run looks and changes nothing but what opening a store that is not in use
// changes.
func (d *doctorCommand) Run(ctx context.Context, c *console) error {
	var found []finding
	look := func(what string, err error) bool {
		f := finding{What: what}
		if a, ok := errors.AsType[advice](err); ok {
			f.Advice = string(a)
		} else if err != nil {
			f.Problem = err.Error()
		}
		found = append(found, f)
		return err == nil
	}
	cfg, err := c.load(d.Config)
	if look("configuration", err) {
		for _, warning := range cfg.Warnings() {
			look("configuration", advice(warning))
		}
		examine(ctx, cfg, look)
	}
	bad := 0
	for _, f := range found {
		if f.Problem != "" {
			bad++
		}
	}
	err = printList(c, found, "CHECK RESULT", func(f finding) []string {
		return []string{f.What, cmp.Or(f.Problem, f.Advice, "ok")}
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of %d checks found what keeps the daemon from working", bad, len(found))
	}
	return err
}

// examine looks at everything that cfg names.
func examine(ctx context.Context, cfg *configs.Config, look func(string, error) bool) {
	_, err := os.Stat(cfg.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		look("data_dir "+cfg.DataDir, advice("is not there yet: the first latchkey serve makes it"))
		return
	}
	look("data_dir "+cfg.DataDir, privateFolder(cfg.DataDir))
	_, keyErr := seal.LoadMasterKey(cfg.MasterKey())
	look("master key "+cfg.MasterKey(), keyErr)
	if cfg.SSH.Listen != "" {
		for _, file := range cfg.HostKeys() {
			_, err := sshd.LoadHostKey(file)
			look("SSH host key "+file, err)
		}
	}
	if fileExists(firstPassword(cfg)) {
		look("first password", advice(fmt.Sprintf("%s is still there: sign in as %s and change the password", firstPassword(cfg), adminName)))
	}
	if conn, err := net.DialTimeout("unix", cfg.Socket(), socketProbe); err == nil {
		conn.Close()
		look("socket "+cfg.Socket(), nil)
		if cfg.Ops.Listen != "" {
			why, err := askReady(ctx, cfg.Ops.Listen)
			if err == nil && why != "" {
				err = errors.New("not ready: " + why)
			}
			look("running daemon", err)
		}
		askParts(ctx, socketClient(cfg.Socket()), look)
		return
	}
	look("socket "+cfg.Socket(), advice("no daemon runs on this folder; the checks below open its store and addresses themselves"))
	examineStopped(ctx, cfg, keyErr, look)
}

// askParts has the daemon tell how its parts are, which only it can.
func askParts(ctx context.Context, c *client, look func(string, error) bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*partTimeout)
	defer cancel()
	var parts page[gateway.Health]
	if _, err := c.call(ctx, http.MethodGet, "/health", nil, &parts); err != nil {
		look("parts of the daemon", err)
		return
	}
	lookAt("daemon: ", parts.Items, look)
}

// lookAt tells of parts that were looked at already.
func lookAt(prefix string, parts []gateway.Health, look func(string, error) bool) {
	for _, p := range parts {
		var err error
		if !p.OK {
			err = errors.New(p.Said)
		}
		look(prefix+p.Name, err)
	}
}

// examineStopped looks at what only a stopped daemon lets others open.
func examineStopped(ctx context.Context, cfg *configs.Config, keyErr error, look func(string, error) bool) {
	what := "store " + cfg.Store.String()
	if cfg.Store == "bolt" && !fileExists(cfg.BoltFile()) {
		look(what, advice(cfg.BoltFile()+" is not there yet: the first latchkey serve makes it"))
	} else if store, err := openStore(ctx, cfg, event.NewLogger(os.Stderr, slog.LevelError, false)); look(what, err) {
		// An empty store would get keys made: only one with keys is tried.
		if keyErr == nil && fileExists(cfg.MasterKey()) {
			_, _, err = auth.OpenRing(ctx, store, cfg.MasterKey())
			look("key ring", err)
		}
		store.Close()
	}
	if sender, err := newMail(cfg); err != nil {
		look("mail server", err)
	} else if sender != nil {
		_, err := mailHealth(ctx, sender)
		look("mail server "+cfg.SMTP.Address, err)
	}
	if ways, err := strangersLogins(cfg); err != nil {
		look("providers", err)
	} else {
		lookAt("", examineParts(ctx, ways.parts()), look)
	}
	for _, door := range []struct{ key, address string }{
		{"http.listen", cfg.HTTP.Listen}, {"http.tls_listen", cfg.HTTP.TLSListen},
		{"ops.listen", cfg.Ops.Listen}, {"ssh.listen", cfg.SSH.Listen},
	} {
		if door.address == "" {
			continue
		}
		l, err := net.Listen("tcp", door.address)
		if err == nil {
			l.Close()
		}
		look(door.key+" "+door.address, err)
	}
}

// privateFolder says what lets others into the data folder.
func privateFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("has mode %04o: run chmod 700 %s", mode, filepath.Clean(dir))
	}
	return nil
}
