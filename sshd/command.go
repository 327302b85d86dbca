package sshd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

const (
	// maxCommand is what a command line may have, in bytes.
	maxCommand = 8 << 10

	maxWordShown = 64  // bytes of an unknown word in our answer
	maxReason    = 400 // bytes of a reason

	// maxOutput bounds what a list writes, in bytes: less than the window that
	// every client opens.
	maxOutput = 1 << 20
)

// word is one command that may be run.
type word struct {
	name  string
	usage string // what follows the name
	about string
	run   func(context.Context, *call) error
}

// call is one run of a word.
type call struct {
	server *Server
	who    auth.Identity
	name   string
	line   string // what follows the name, as the client wrote it
	event  *event.Event
	*answer
}

// self is the caller without what an administrator may do to others: over SSH
// everybody has but their own account.
func (c *call) self() auth.Identity {
	who := c.who
	who.Admin = false
	return who
}

// answer is what a command says.
type answer struct {
	out bytes.Buffer // to the client's stdout
	err bytes.Buffer // to its stderr
}

func (a *answer) complain(line string) { fmt.Fprintf(&a.err, "latchkey: %s\n", line) }

// exit is an error with a status of its own and a line for the person. The log
// gets only the kind: the line may repeat what the client wrote, which can be a
// secret in the wrong place.
type exit struct {
	code int
	kind string
	line string
}

func (e *exit) Error() string { return e.line }

// wrong is a command used wrongly.
func wrong(format string, args ...any) error {
	return &exit{exitFailed, format, fmt.Sprintf(format, args...)}
}

// vocabulary is all words, in the order help shows them.
func (s *Server) vocabulary() []word {
	return []word{
		{"git-lfs-authenticate", "PATH download|upload", "for git-lfs: a short token for one repository", lfsAuthenticate},
		{"git-lfs-transfer", "PATH download|upload", "not offered; git-lfs goes on over HTTP", lfsTransfer},
		{"jfrog-authenticate", "", "for jf: a token of one hour", jfrogAuthenticate},
		{"whoami", "[--json]", "whose key this is", whoami},
		{"token", "create|list|rotate|revoke", "your access tokens", nouns(tokenVerbs())},
		{"session", "list|revoke", "where you are signed in", nouns(sessionVerbs())},
		{"sshkey", "list|delete", "your SSH keys", nouns(sshkeyVerbs())},
		{"apikey", "revoke", "your API key", nouns(apikeyVerbs())},
		{"help", "", "this list", help},
	}
}

// perform runs a command line: its first word says which one. Nothing of it
// ever reaches a shell.
func (s *Server) perform(ctx context.Context, x *session, line string, a *answer) int {
	name, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	w, ok := s.find(name)
	if !ok {
		x.event.Set(slog.String("command", "unknown"))
		a.complain(fmt.Sprintf("there is no command %q; try help", event.Clean(name, maxWordShown)))
		return exitUnknown
	}
	x.event.Set(slog.String("command", w.name))
	if len(line) > maxCommand {
		a.complain(fmt.Sprintf("the command has %d bytes, at most %d", len(line), maxCommand))
		return exitFailed
	}
	err := w.run(ctx, &call{server: s, who: x.who, name: w.name, line: rest, event: x.event, answer: a})
	if err == nil {
		return exitOK
	}
	a.out.Reset() // half an answer is none
	if e, ok := errors.AsType[*exit](err); ok {
		a.complain(event.Clean(e.line, maxReason))
		x.event.Set(slog.String("error", e.kind))
		return e.code
	}
	a.complain(x.explain(err))
	return exitFailed
}

func (s *Server) find(name string) (word, bool) {
	for _, w := range s.words {
		if w.name == name {
			return w, true
		}
	}
	return word{}, false
}

// explain is what a person may know of an error; all of it goes to the log.
func (x *session) explain(err error) string {
	x.event.Set(slog.Any("error", err))
	e, ok := errors.AsType[*auth.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "this took too long; try again"
	case !ok || e.Code == auth.Internal || e.Reason == "":
		return "something went wrong here; the log has it as " + x.event.ID()
	}
	return event.Clean(e.Reason, maxReason)
}

// json writes v as one line of printable ASCII, so that nothing in it can act
// on a terminal.
func (c *call) json(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.out.Write(asciiJSON(text))
	c.out.WriteByte('\n')
	return nil
}

// asciiJSON escapes what is not printable ASCII in JSON text (RFC 8259 §7).
func asciiJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r >= ' ' && r <= '~':
			out = append(out, byte(r))
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[n:]
	}
	return out
}
