// Package mailtest is a mail server for tests: a real one, in the process,
// that keeps what it is given.
package mailtest

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// patience bounds every wait for a message.
const patience = 20 * time.Second

// Config is what a Server is like. The zero Config offers STARTTLS, asks for
// no sign-in and takes everything.
type Config struct {
	TLS                string                  // "starttls" (""), "tls" or "none"
	Username, Password string                  // with a name: who must sign in
	Recipient          func(to string) error   // refuses a recipient
	Take               func(text []byte) error // refuses, or holds up, a message
}

// Message is one that was taken.
type Message struct {
	From   string   // of the envelope
	To     []string // of the envelope
	Header mail.Header
	Text   string // decoded
	Raw    string
}

// Server is a mail server on 127.0.0.1. It ends with its test.
type Server struct {
	Address string
	Roots   *x509.CertPool // that its certificate, for 127.0.0.1, is of
	PEM     []byte         // the same

	c    Config
	t    testing.TB
	mu   sync.Mutex
	got  []Message
	news chan struct{} // closed when something comes
}

// Start begins to serve.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	s := &Server{c: c, t: t, news: make(chan struct{})}
	config := s.certificate()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	server.Domain, server.EnableSMTPUTF8, server.AllowInsecureAuth = "mail.test", true, true
	server.ReadTimeout, server.WriteTimeout = patience, patience
	server.ErrorLog = quiet{}
	switch c.TLS {
	case "tls":
		l = tls.NewListener(l, config)
	case "none":
	default:
		server.TLSConfig, server.AllowInsecureAuth = config, false
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		l.Close() // which Serve may not have been told of yet
		<-ended
	})
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate borrows that of net/http's test server.
func (s *Server) certificate() *tls.Config {
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	s.Roots = x509.NewCertPool()
	s.Roots.AddCert(lender.Certificate())
	s.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw})
	return &tls.Config{Certificates: lender.TLS.Certificates}
}

// Messages are those taken so far.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.got...)
}

// Wait waits until n messages have been taken, and gives the last of them.
func (s *Server) Wait(n int) Message {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		got, news := s.got, s.news
		s.mu.Unlock()
		if len(got) >= n {
			return got[n-1]
		}
		select {
		case <-news:
		case <-deadline:
			s.t.Fatalf("%d messages came, not %d", len(got), n)
		}
	}
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
	close(s.news)
	s.news = make(chan struct{})
}

// session is one connection.
type session struct {
	s      *Server
	signed bool
	m      Message
}

func (c *session) AuthMechanisms() []string {
	if c.s.c.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != c.s.c.Username || subtle.ConstantTimeCompare([]byte(password), []byte(c.s.c.Password)) != 1 {
			return smtp.ErrAuthFailed
		}
		c.signed = true
		return nil
	}), nil
}

func (c *session) Reset()        { c.m = Message{} }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if c.s.c.Username != "" && !c.signed {
		return smtp.ErrAuthRequired
	}
	c.m = Message{From: from}
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if c.s.c.Recipient != nil {
		if err := c.s.c.Recipient(to); err != nil {
			return err
		}
	}
	c.m.To = append(c.m.To, to)
	return nil
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if c.s.c.Take != nil {
		if err := c.s.c.Take(raw); err != nil {
			return err
		}
	}
	m := c.m
	m.Raw = string(raw)
	if err := m.parse(); err != nil {
		c.s.t.Errorf("a message cannot be read: %v\n%s", err, raw)
		return err
	}
	c.s.keep(m)
	return nil
}

func (m *Message) parse() error {
	msg, err := mail.ReadMessage(strings.NewReader(m.Raw))
	if err != nil {
		return err
	}
	m.Header = msg.Header
	media, _, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || media != "text/plain" {
		return errors.New("not plain text")
	}
	body := msg.Body
	if strings.EqualFold(msg.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	m.Text = string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	return err
}
