package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/internal/event"
)

type serveCommand struct {
	Config   string        `short:"c" help:"Configuration file ($$LATCHKEY_CONFIG); without one, the defaults." placeholder:"FILE"`
	LogLevel slog.Level    `default:"info" help:"Least level that is logged: debug, info, warn or error." placeholder:"LEVEL"`
	Announce time.Duration `default:"-1s" help:"How long /readyz says no before the daemon stops accepting; 0 on loopback and 3s elsewhere when left out." placeholder:"TIME"`
	Drain    time.Duration `default:"30s" help:"How long requests and SSH commands may take to finish at the end." placeholder:"TIME"`
}

// gcPercent is how much garbage may lie around, in percent of what lives. Every
// request leaves some 16 KB behind and little lives, so at Go's own 100 the
// collector takes a tenth of a request's time. GOGC overrides it.
const gcPercent = 400

// elsewhereAnnounce is how long a load balancer is given to notice.
const elsewhereAnnounce = 3 * time.Second

// errForced is the end by a second signal.
var errForced = errors.New("stopped at once by a second signal; what was under way was cut off")

func (s *serveCommand) Run(ctx context.Context, c *console) error {
	if c.reach.Socket != "" && c.getenv(envSocket) == "" || c.reach.URL != "" && c.getenv(envURL) == "" {
		return usagef("serve is the daemon itself: it takes no --url and no --socket")
	}
	if c.getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	// Registered before anything is opened: no signal is lost between.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	starting, started := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer started()

	cfg, err := c.load(s.file(c))
	if err != nil {
		return err
	}
	counts := newMetrics()
	log := event.NewLogger(c.err, s.LogLevel, !onTerminal(c.err))
	for _, warning := range cfg.Warnings() {
		log.Warn("configuration: " + warning)
	}
	d, err := openDaemon(starting, cfg, log, counts)
	if err != nil {
		return err
	}
	d.serve()
	c.greet(d)
	log.Info("ready", "version", version, "http", d.doors.address("http"), "ssh", d.doors.address("ssh"), "store", cfg.Store)

	err = s.wait(ctx, c, d, signals)
	if errors.Is(err, errForced) {
		return err
	}
	return errors.Join(err, d.close())
}

func (s *serveCommand) file(c *console) string {
	if s.Config != "" {
		return s.Config
	}
	return c.getenv(envConfig)
}

// wait runs until a signal ends the daemon or one of its doors fails.
func (s *serveCommand) wait(ctx context.Context, c *console, d *daemon, signals <-chan os.Signal) error {
	for {
		select {
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return s.stop(d, signals)
			}
			fresh, err := c.load(s.file(c))
			d.reload(fresh, err)
		case <-ctx.Done():
			return s.stop(d, signals)
		case err := <-d.doors.failed:
			d.log.Error("a listener failed; stopping", "error", err)
			return errors.Join(err, s.stop(d, signals))
		}
	}
}

// stop ends the daemon in order: say so, wait until it was heard, let what is
// under way finish. A second signal ends it at once.
func (s *serveCommand) stop(d *daemon, signals <-chan os.Signal) error {
	d.ready.stop()
	forced := make(chan struct{})
	stopping, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			select {
			case sig := <-signals:
				if sig != syscall.SIGHUP {
					close(forced)
					return
				}
			case <-stopping.Done():
				return
			}
		}
	}()

	announce := s.Announce
	if announce < 0 {
		announce = 0
		if !onlyLoopback(d.config.HTTP.Listen, d.config.HTTP.TLSListen, d.config.SSH.Listen) {
			announce = elsewhereAnnounce
		}
	}
	d.log.Info("stopping", "announce", announce.String(), "drain", s.Drain.String())
	finished := make(chan error, 1)
	go func() {
		select {
		case <-time.After(announce):
		case <-stopping.Done():
		}
		drain, cancel := context.WithTimeout(stopping, s.Drain)
		defer cancel()
		finished <- d.doors.shutdown(drain, d.gateway)
	}()
	select {
	case <-forced:
		return errForced
	case err := <-finished:
		if err != nil {
			return fmt.Errorf("not everything had finished after %s and was cut off: %w", s.Drain, err)
		}
		d.log.Info("stopped")
		return nil
	}
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// greet tells the person who started the daemon where everything is.
func (c *console) greet(d *daemon) {
	var b strings.Builder
	cfg := d.config
	fmt.Fprintf(&b, "\nLatchkey %s is ready.\n\n", version)
	fmt.Fprintf(&b, "  pages and API  %s/ui/\n", cfg.HTTP.PublicURL)
	for _, door := range []struct{ label, name string }{
		{"HTTP", "http"}, {"HTTPS", "https"}, {"SSH", "ssh"}, {"operators", "ops"},
	} {
		if at := d.doors.address(door.name); at != "" {
			fmt.Fprintf(&b, "  %-13s  %s\n", door.label, at)
		}
	}
	if d.ssh != nil {
		fmt.Fprintf(&b, "  %-13s  %s\n", "SSH host key", d.ssh.Fingerprint())
	}
	fmt.Fprintf(&b, "  %-13s  %s\n", "state", cfg.DataDir)
	if first := firstPassword(cfg); fileExists(first) {
		fmt.Fprintf(&b, "\nThe first password of the user admin lies in %s\n(the file goes when the password is changed).\n", first)
	}
	me := os.Args[0]
	if filepath.Clean(cfg.DataDir) != filepath.Clean(defaultDataDir) {
		me += " --data-dir " + cfg.DataDir
	}
	fmt.Fprintf(&b, "\nTry, in another terminal:\n")
	fmt.Fprintf(&b, "  %s user create alice --email alice@example.com\n", me)
	if d.ssh != nil {
		fmt.Fprintf(&b, "  %s sshkey create alice ~/.ssh/id_ed25519.pub && %s\n", me, sshTry(cfg))
	}
	fmt.Fprintf(&b, "  curl -H \"X-JFrog-Art-Api: $(%s apikey create alice)\" %s/-/api/v1/whoami\n\n", me, cfg.HTTP.PublicURL)
	io.WriteString(c.out, b.String())
}

func sshTry(cfg *configs.Config) string {
	host, port := splitAddress(cfg.SSH.PublicAddress)
	return fmt.Sprintf("ssh -p %s %s whoami", port, host)
}
