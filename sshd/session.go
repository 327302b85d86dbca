package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	glider "github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailed  = 1   // the command is known and failed
	exitUnknown = 127 // no such command, as a shell says it
	exitPanic   = 255
)

const (
	// maxRequests may come in one session: env, one exec, window sizes.
	maxRequests = 256

	// writeChunk is how much output the client must take within Limits.Stall,
	// in bytes.
	writeChunk = 1 << 10

	// freshFor is how old a look at the identity may be when a command starts.
	freshFor = 500 * time.Millisecond
)

// refuseChannel answers the opening of all channels but sessions: forwarding of
// ports, sockets, agents, displays and tunnels.
func (s *Server) refuseChannel(_ *glider.Server, _ *gossh.ServerConn, nc gossh.NewChannel, ctx glider.Context) {
	defer s.contain("channel")
	c := connOf(ctx)
	defer c.channels.Add(-1)
	if int(c.channels.Add(1)) > s.limits.Sessions+extraChannels {
		c.end(endChannels)
		return
	}
	_ = nc.Reject(gossh.Prohibited, "latchkey forwards nothing")
}

// session is one channel of type session (RFC 4254 §6).
type session struct {
	server *Server
	conn   *conn
	who    auth.Identity
	ch     gossh.Channel
	event  *event.Event

	begun atomic.Bool // a command, or the end of waiting for one
	exit  atomic.Int32
	tasks sync.WaitGroup
}

// serveSession is our own in place of the library's, which a malformed request
// can make panic. It returns when the client has closed the channel.
func (s *Server) serveSession(_ *glider.Server, sc *gossh.ServerConn, nc gossh.NewChannel, ctx glider.Context) {
	defer s.contain("session")
	c := connOf(ctx)
	defer c.channels.Add(-1)
	if int(c.channels.Add(1)) > s.limits.Sessions+extraChannels {
		c.end(endChannels)
		return
	}
	who, ok := identityOf(sc)
	if !ok {
		_ = nc.Reject(gossh.Prohibited, "not logged in")
		return
	}
	if fault := c.openSession(); fault != "" {
		_ = nc.Reject(gossh.ResourceShortage, fault)
		return
	}
	x := &session{server: s, conn: c, who: who, event: event.New("ssh session")}
	x.who.Peer.Request = x.event.ID()
	defer c.sessionClosed()
	x.event.Set(
		slog.String("address", c.source.String()),
		slog.String("user", who.User),
		slog.String("key", c.attempts.key),
		slog.String("client", who.Peer.Client))
	x.exit.Store(NoExit)
	defer func() {
		x.event.End(s.cfg.Log)
		s.cfg.ObserveSession(int(x.exit.Load()))
	}()
	ch, requests, err := nc.Accept()
	if err != nil {
		return
	}
	x.ch = ch
	x.serve(ctx, requests)
}

// serve answers requests until the client has closed the channel, which also
// ends a command that still runs. They are read all the time, or the whole
// connection would stand still.
func (x *session) serve(ctx context.Context, requests <-chan *gossh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer x.tasks.Wait()
	defer cancel()
	defer x.ch.Close()
	// No command reads anything. What comes is thrown away and not kept.
	x.tasks.Go(func() { _, _ = io.Copy(io.Discard, x.ch) })
	x.tasks.Go(func() { _, _ = io.Copy(io.Discard, x.ch.Stderr()) })
	unused := time.AfterFunc(x.server.limits.Unused, func() { x.refuse("no command came") })
	defer unused.Stop()

	n := 0
	for r := range requests {
		if n++; n > maxRequests {
			x.conn.end(endRequests)
			continue
		}
		x.answer(ctx, r)
	}
}

// answer serves one request. Unknown ones get a failure (RFC 4254 §5.4).
func (x *session) answer(ctx context.Context, r *gossh.Request) {
	switch r.Type {
	case "exec":
		line, ok := onlyString(r.Payload)
		if !ok {
			_ = r.Reply(false, nil)
			x.refuse("the request is malformed")
			return
		}
		x.start(ctx, r, func(ctx context.Context, a *answer) int { return x.server.perform(ctx, x, line, a) })
	case "shell":
		x.start(ctx, r, x.greet)
	case "env":
		_ = r.Reply(envAccepted(r.Payload), nil)
	case "subsystem":
		_ = r.Reply(false, nil)
		x.refuse("there are no subsystems here, sftp neither")
	default:
		// pty-req, x11-req, auth-agent-req@openssh.com and all the rest. A
		// signal or a new window size wants no reply, and gets none.
		_ = r.Reply(false, nil)
	}
}

// start runs a command beside, the first one of the session.
func (x *session) start(ctx context.Context, r *gossh.Request, run func(context.Context, *answer) int) {
	if !x.begun.CompareAndSwap(false, true) {
		_ = r.Reply(false, nil)
		return
	}
	_ = r.Reply(true, nil)
	x.conn.commandBegun()
	x.tasks.Go(func() {
		defer x.conn.commandDone()
		defer x.server.contain("end of a session")
		limited, cancel := context.WithTimeout(ctx, x.server.limits.Command)
		defer cancel()
		var a answer
		x.finish(&a, x.contained(limited, &a, run))
	})
}

// contained runs a command; when it panics, the client gets the status of a
// program that crashed and a line to ask about.
func (x *session) contained(ctx context.Context, a *answer, run func(context.Context, *answer) int) (code int) {
	defer func() {
		if p := recover(); p != nil {
			x.server.logPanic("command "+x.event.ID(), p)
			*a = answer{}
			a.complain("something broke here; the log has it as " + x.event.ID())
			code = exitPanic
		}
	}()
	if err := x.fresh(ctx); err != nil {
		a.complain(x.explain(err))
		return exitFailed
	}
	return run(ctx, a)
}

// fresh looks whether the identity still holds, unless that was just done. A
// connection may be hours old when a command comes.
func (x *session) fresh(ctx context.Context) error {
	c := x.conn
	if time.Since(c.begun)-time.Duration(c.checked.Load()) < freshFor {
		return nil
	}
	err := x.server.recheck(ctx, x.who)
	switch auth.CodeOf(err) {
	case "":
		c.checked.Store(int64(time.Since(c.begun)))
	case auth.Unauthenticated:
		c.checked.Store(0) // so that the next look, which ends the connection, is soon
		return &auth.Error{Code: auth.Unauthenticated, Reason: "this key is not accepted any more", Err: err}
	}
	return err
}

// greet is what a shell gets instead of one.
func (x *session) greet(_ context.Context, a *answer) int {
	x.event.Set(slog.String("command", "shell"))
	a.complain(fmt.Sprintf("hello %s, your key works; there is no shell here, try help", event.Clean(x.who.User, maxWordShown)))
	return exitFailed
}

// refuse ends a session in which no command runs.
func (x *session) refuse(line string) {
	if !x.begun.CompareAndSwap(false, true) {
		return
	}
	defer x.server.contain("end of a session")
	var a answer
	a.complain(line)
	x.finish(&a, exitFailed)
}

// finish sends what a command wrote and its status, and closes: status, end of
// data, close, in this order, or OpenSSH reports 255 (RFC 4254 §6.10).
func (x *session) finish(a *answer, code int) {
	x.exit.Store(int32(code))
	x.event.Set(slog.Int("exit", code))
	if err := x.write(a); err != nil {
		x.event.Set(slog.String("reason", x.conn.reason()), slog.Any("error", err))
		return
	}
	_, err := x.ch.SendRequest("exit-status", false, exitStatus(code))
	err = errors.Join(err, x.ch.CloseWrite(), x.ch.Close())
	if err != nil && !errors.Is(err, io.EOF) {
		x.event.Set(slog.Any("error", err))
	}
}

// write sends the output. A client may take it slowly; one that takes next to
// nothing for long loses the connection.
func (x *session) write(a *answer) error {
	stalled := time.AfterFunc(x.server.limits.Stall, func() { x.conn.end(endStalled) })
	defer stalled.Stop()
	for _, part := range []struct {
		to   io.Writer
		text []byte
	}{{x.ch.Stderr(), a.err.Bytes()}, {x.ch, a.out.Bytes()}} {
		for text := part.text; len(text) > 0; {
			n, err := part.to.Write(text[:min(len(text), writeChunk)])
			if err != nil {
				return err
			}
			text = text[n:]
			stalled.Reset(x.server.limits.Stall)
		}
	}
	return nil
}
