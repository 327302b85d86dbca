package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/internal/mail"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/lfs"
	"github.com/latchkey-io/latchkey/oauth"
	"github.com/latchkey-io/latchkey/sshd"
)

// daemon is all that runs, plugged together. config is what is in force; only
// the goroutine that handles signals reads or replaces it.
type daemon struct {
	config    *configs.Config
	masterKey string // its file; not the goroutine of signals alone reads it
	log       *slog.Logger
	counts    *metrics
	ready     *readiness

	store     keystore.Store
	trail     *auditLog
	ring      *seal.Ring
	authority *auth.Authority
	jobs      *oauth.Jobs // only the goroutine that handles signals reads or replaces it
	lfs       *lfs.Store
	gateway   *gateway.Gateway
	ssh       *sshd.Server // nil: switched off
	doors     *doors
	parts     []part                      // what health tells of; complete before anything is served
	mail      atomic.Pointer[mail.Sender] // nil: no mail is sent
	logins    atomic.Pointer[logins]      // who signs people in; complete once the authority is open

	opened []func() error // what close undoes, in reverse
}

// openDaemon opens everything that cfg names, in the order in which it can go
// wrong with the least done: the folder and the store (whose lock keeps a
// second daemon out), the addresses, the keys, and only then the first user.
// On an error nothing stays open.
func openDaemon(ctx context.Context, cfg *configs.Config, log *slog.Logger, counts *metrics) (_ *daemon, err error) {
	d := &daemon{config: cfg, masterKey: cfg.MasterKey(), log: log, counts: counts}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	for _, step := range []func(context.Context) error{
		d.openJobs, d.openDataDir, d.openStore, d.openDoors, d.openAuthority, d.openLFS, d.openSSH, d.openGateway,
	} {
		if err := step(ctx); err != nil {
			return d, err
		}
	}
	return d, nil
}

// close undoes what was opened. It is called when no door is open any more.
func (d *daemon) close() error {
	var errs []error
	for i := len(d.opened) - 1; i >= 0; i-- {
		errs = append(errs, d.opened[i]())
	}
	d.opened = nil
	return errors.Join(errs...)
}

func (d *daemon) undo(f func() error) { d.opened = append(d.opened, f) }

// openJobs opens nothing yet, but what is wrong with jobs is wrong before a file
// is made.
func (d *daemon) openJobs(context.Context) (err error) {
	d.jobs, err = newJobs(d.config, nil)
	return err
}

func (d *daemon) openDataDir(context.Context) error { return makeDataDir(d.config.DataDir) }

func (d *daemon) openStore(ctx context.Context) error {
	store, err := openStore(ctx, d.config, d.log)
	if err != nil {
		return err
	}
	d.store = store
	d.undo(store.Close)
	return nil
}

func (d *daemon) openDoors(context.Context) (err error) {
	if d.doors, err = openDoors(d.config, d.log); err != nil {
		return err
	}
	d.undo(func() error { d.doors.close(); return nil })
	return nil
}

func (d *daemon) openAuthority(ctx context.Context) error {
	ring, created, err := auth.OpenRing(ctx, d.store, d.config.MasterKey())
	if err != nil {
		return err
	}
	if created {
		d.log.Info("made the keys of an empty store; keep a copy of the master key elsewhere, backups open with it alone", "master_key", d.config.MasterKey())
	}
	d.ring = ring
	if d.trail, err = openAuditLog(d.config); err != nil {
		return err
	}
	d.undo(d.trail.Close)
	first := firstPassword(d.config)
	d.authority, err = auth.New(ctx, auth.Config{
		Store:  d.store,
		Ring:   ring,
		Policy: policy(d.config),
		Audit:  d.trail,
		PasswordChanged: func(user string) {
			if user == adminName {
				removeFirstPassword(first, d.log)
			}
		},
		Log: d.log,
	})
	if err != nil {
		return err
	}
	d.undo(d.authority.Close)
	d.authority.SetJobs(d.jobs)
	upstreams, err := namedUpstreams(d.config)
	if err != nil {
		return err
	}
	d.authority.SetUpstreams(upstreams, gateway.Probe{})
	ways, err := newLogins(d.config, ring, d.authority.Spend, nil)
	if err != nil {
		return err
	}
	d.setLogins(ways)
	sender, err := newMail(d.config)
	if err != nil {
		return err
	}
	public, err := url.Parse(d.config.HTTP.PublicURL)
	if err != nil {
		return err
	}
	d.setMail(public, sender)
	if err := d.trail.resume(d.authority.Trail); err != nil {
		d.log.Error("the audit trail cannot be continued where it ends; audit verify will name the line", "error", err)
	}
	d.ready = &readiness{store: d.authority.Ready}
	d.parts = append(d.parts, part{"store", d.storeHealth}, part{"audit trail", d.trail.health})
	made, err := d.authority.Bootstrap(ctx, func(password auth.Secret) error {
		return keepFirstPassword(first, password)
	})
	if err != nil {
		return fmt.Errorf("make the first user: %w", err)
	}
	if made {
		d.log.Info("made the user admin", "password_file", first)
		debug.FreeOSMemory() // hashing the password took 19 MiB
	}
	return nil
}

func (d *daemon) openLFS(context.Context) error {
	public, err := url.Parse(d.config.HTTP.PublicURL)
	if err != nil {
		return err
	}
	routes, err := lfsRoutes(d.config)
	if err != nil {
		return err
	}
	d.lfs, err = lfs.New(lfs.Config{Routes: routes, PublicURL: public, Auth: d.authority.Tokens, Log: d.log})
	if err != nil {
		return err
	}
	d.undo(d.lfs.Close)
	return nil
}

func (d *daemon) openSSH(context.Context) error {
	if d.config.SSH.Listen == "" {
		return nil
	}
	keys, err := hostKeys(d.config)
	if err != nil {
		return err
	}
	public, err := url.Parse(d.config.HTTP.PublicURL)
	if err != nil {
		return err
	}
	proxies, err := configs.ParsePrefixes(d.config.SSH.ProxyProtocolFrom)
	if err != nil {
		return err
	}
	d.ssh, err = sshd.New(sshd.Config{
		Auth:              sshd.From(d.authority),
		HostKeys:          keys,
		PublicURL:         public,
		LFS:               d.lfsOverSSH,
		ProxyProtocolFrom: proxies,
		AllowDSS:          d.config.SSH.AllowDSS,
		ObserveSession:    d.counts.session,
		ObserveRefused:    d.counts.refused.Inc,
		Version:           version,
		Log:               d.log,
	})
	return err
}

// lfsOverSSH is what git-lfs-authenticate is answered with.
func (d *daemon) lfsOverSSH(ctx context.Context, who auth.Identity, path, op string) (sshd.LFSAnswer, error) {
	a, err := d.lfs.SSHAuthenticate(ctx, who, path, op)
	if err != nil {
		return sshd.LFSAnswer{}, err
	}
	return sshd.LFSAnswer{Href: a.Href, Token: a.Token, Expires: a.Expires}, nil
}

// hostKeys reads the host keys; the default one is made when it is missing,
// one that the configuration names never is.
func hostKeys(cfg *configs.Config) ([]ssh.Signer, error) {
	open := sshd.LoadHostKey
	if len(cfg.SSH.HostKeyFiles) == 0 {
		open = sshd.LoadOrCreateHostKey
	}
	var keys []ssh.Signer
	for _, file := range cfg.HostKeys() {
		key, err := open(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (d *daemon) openGateway(context.Context) error {
	c, err := d.gatewayConfig(d.config, d.logins.Load())
	if err != nil {
		return err
	}
	d.gateway, err = gateway.New(c)
	return err
}

// serve begins to answer at every door.
func (d *daemon) serve() {
	d.doors.http(d.gateway)
	d.doors.local(d.gateway)
	if d.ssh != nil {
		d.doors.ssh(d.ssh)
	}
	d.doors.ops(opsHandler(d.ready, d.counts))
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// splitAddress is host and port of an address that was checked before.
func splitAddress(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, ""
	}
	return host, port
}
