package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// signIns are the ways to sign in, the best first. The last two show the server
// the password; the library uses them over TLS and to this machine alone.
var signIns = []gomail.SMTPAuthType{
	gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin,
}

// maxAnswers is how much a server may say in one meeting, in bytes, those of TLS
// included.
const maxAnswers = 256 << 10

var errTooLong = errors.New("the answers are too long")

// meet opens a connection, lets do talk to the server, and closes it.
func (s *Sender) meet(ctx context.Context, do func(context.Context, *gomail.Client, *smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	line := &line{s: s}
	defer line.close()
	// The library heeds the context only while it dials, and leaves open a
	// connection that fails after that: the end of one is ours to see to.
	defer context.AfterFunc(ctx, line.close)()
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(sendTimeout), gomail.WithDialContextFunc(line.dial),
		gomail.WithTLSConfig(s.tls()), gomail.WithTLSPolicy(gomail.NoTLS),
		// Two questions more that could fail, one after the message was taken.
		gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	if s.c.TLS == StartTLS {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.c.Username != "" {
		options = append(options, gomail.WithOpportunisticSMTPAuth(signIns...), gomail.WithUsername(s.c.Username), gomail.WithPassword(s.c.Password))
	}
	client, err := gomail.NewClient(s.host, options...)
	if err != nil {
		return fmt.Errorf("prepare for the mail server: %w", err)
	}
	talk, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return explain(ctx, err)
	}
	if err := do(ctx, client, talk); err != nil {
		return err
	}
	_ = client.CloseWithSMTPClient(talk) // a server that does not say goodbye has done its work all the same
	return nil
}

func (s *Sender) tls() *tls.Config {
	return &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.c.RootCAs}
}

// line is the connection of one meeting.
type line struct {
	s      *Sender
	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

// dial is called by the library, once.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn = &bounded{Conn: conn, left: maxAnswers}
	l.keep(conn)
	if l.s.c.TLS != TLS {
		return conn, nil
	}
	secure := tls.Client(conn, l.s.tls())
	return secure, secure.HandshakeContext(ctx)
}

// bounded is a connection that ends after so many bytes: the library keeps an
// answer, and a line of it, however long it is.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (l *line) keep(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn = conn; l.closed {
		conn.Close()
	}
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed = true; l.conn != nil {
		l.conn.Close()
	}
}

// explain says what went wrong without the words of the server.
func explain(ctx context.Context, err error) error {
	var timeout net.Error
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("the mail server did not answer in time")
	}
	if code := status(err); code != 0 {
		return fmt.Errorf("the mail server %s (it answered %d)", meaning(code), code)
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("the mail server's certificate is not accepted: %w", bad.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New("the mail server does not speak TLS there; see smtp.tls")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("the mail server cannot be reached: %w", op)
	}
	switch {
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return errors.New("the mail server does not offer STARTTLS; see smtp.tls")
	case strings.Contains(err.Error(), "does not support SMTP AUTH"), errors.Is(err, gomail.ErrNoSupportedAuthDiscovered):
		return errors.New("the mail server offers no way to sign in that is known here")
	case errors.Is(err, smtp.ErrUnencrypted):
		return errors.New("the password is not shown to a mail server in clear; see smtp.tls")
	case errors.Is(err, errTooLong):
		return errors.New("the mail server said more than one does")
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return errors.New("the mail server closed the connection")
	}
	return errors.New("the mail server did not answer as one does")
}

// status is the server's code, 0 where it gave none.
func status(err error) int {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return answer.Code
	}
	if failed, ok := errors.AsType[*gomail.SendError](err); ok {
		return failed.ErrorCode()
	}
	return 0
}

// meaning of the codes that say more than no (RFC 5321 §4.2.3, RFC 4954 §6).
func meaning(code int) string {
	switch code {
	case 421, 450, 451, 452, 454:
		return "has no time now"
	case 530, 534, 535, 538:
		return "does not accept the user name and password"
	case 550, 551, 553:
		return "does not take mail for the recipient or from this sender"
	}
	return "refused"
}
