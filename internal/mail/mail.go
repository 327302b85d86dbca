// Package mail hands plain text messages to one mail server (SMTP, RFC 5321).
//
// One call is one message to one address over one connection of its own, with
// a deadline. The connection is encrypted and the server's certificate checked,
// unless the configuration says "none"; nothing falls back to clear text. An
// error says in words of this package what went wrong and gives the server's
// status code: what the server wrote may repeat the address or the message,
// and errors are logged.
//
// It keeps no queue, tries nothing twice, and logs nothing.
package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// How the connection is protected.
const (
	StartTLS = "starttls" // in clear until STARTTLS (RFC 3207), which the server must offer
	TLS      = "tls"      // from the first byte (RFC 8314)
	None     = "none"     // not at all
)

const (
	connectTimeout = 10 * time.Second // to reach the server, its TLS handshake included
	sendTimeout    = 30 * time.Second // of a message, or of Check
)

// Config is where mail goes.
type Config struct {
	Address  string         // host:port of the mail server
	From     string         // the sender: an address, perhaps with a name
	Username string         // empty: no sign-in
	Password string         // with Username
	TLS      string         // StartTLS, TLS or None; "": StartTLS
	RootCAs  *x509.CertPool // nil: the system's
}

// Sender hands messages over. It is safe for concurrent use.
type Sender struct {
	c    Config
	host string
	port int
	from *mail.Address
}

// New checks c and connects to nothing.
func New(c Config) (*Sender, error) {
	s := &Sender{c: c}
	host, port, err := net.SplitHostPort(c.Address)
	if err == nil {
		s.port, err = strconv.Atoi(port)
	}
	if err != nil || host == "" || s.port < 1 || s.port > 1<<16-1 {
		return nil, fmt.Errorf("the mail server's address is host:port, not %q", c.Address)
	}
	s.host = host
	if s.from, err = mail.ParseAddress(c.From); err != nil {
		return nil, fmt.Errorf("the sender of mail is an address, not %q", c.From)
	}
	switch s.c.TLS {
	case "":
		s.c.TLS = StartTLS
	case StartTLS, TLS, None:
	default:
		return nil, fmt.Errorf("the way to the mail server is %s, %s or %s, not %q", StartTLS, TLS, None, c.TLS)
	}
	if c.Username == "" && c.Password != "" {
		return nil, errors.New("there is a password for the mail server but no user name")
	}
	return s, nil
}

// Check connects, signs in and leaves again: whether a message would be taken,
// as far as that can be told without one.
func (s *Sender) Check(ctx context.Context) error {
	return s.meet(ctx, func(context.Context, *gomail.Client, *smtp.Client) error { return nil })
}

// Send hands a message over. It returns nil once the server has taken it,
// whatever becomes of the connection then. to is one address without a name;
// subject is one line.
func (s *Sender) Send(ctx context.Context, to, subject, text string) error {
	msg, err := s.message(to, subject, text)
	if err != nil {
		return err
	}
	return s.meet(ctx, func(ctx context.Context, client *gomail.Client, talk *smtp.Client) error {
		talk.SkipSMTPUTF8(ascii(to)) // else relays without RFC 6531 would refuse it
		if err := client.SendWithSMTPClient(talk, msg); err != nil && !msg.IsDelivered() {
			return explain(ctx, err)
		}
		return nil
	})
}
