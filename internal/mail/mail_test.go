package mail_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/latchkey-io/latchkey/internal/mail"
	"github.com/latchkey-io/latchkey/internal/mail/mailtest"
)

const (
	from    = "Latchkey <latchkey@example.com>"
	subject = "Choose a new password for alice"
	text    = "A link:\n\nhttp://127.0.0.1:8080/ui/reset?key=0123456789-_0123456789-_0123456789-_0123456789&user=alice\n\n.\n.dots stay.\n"
)

func sender(t *testing.T, c mail.Config) *mail.Sender {
	t.Helper()
	if c.From == "" {
		c.From = from
	}
	s, err := mail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWaysToAMailServer(t *testing.T) {
	for _, way := range []string{mail.StartTLS, mail.TLS, mail.None} {
		for _, user := range []string{"", "latchkey"} {
			t.Run(way+" "+user, func(t *testing.T) {
				server := mailtest.Start(t, mailtest.Config{TLS: way, Username: user, Password: "pass wörd"})
				c := mail.Config{Address: server.Address, TLS: way, RootCAs: server.Roots}
				if user != "" {
					c.Username, c.Password = user, "pass wörd"
				}
				s := sender(t, c)
				if err := s.Check(t.Context()); err != nil {
					t.Fatalf("check: %v", err)
				}
				if n := len(server.Messages()); n != 0 {
					t.Fatalf("a check sent %d messages", n)
				}
				if err := s.Send(t.Context(), "alice@example.com", subject, text); err != nil {
					t.Fatal(err)
				}
				got := server.Messages()
				if len(got) != 1 {
					t.Fatalf("%d messages came", len(got))
				}
				m := got[0]
				if m.From != "latchkey@example.com" || len(m.To) != 1 || m.To[0] != "alice@example.com" || m.Text != text {
					t.Errorf("got %+v", m)
				}
				for name, want := range map[string]string{
					"From": `"Latchkey" <latchkey@example.com>`, "To": "<alice@example.com>", "Subject": subject,
					"Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": "",
				} {
					if value := m.Header.Get(name); value != want {
						t.Errorf("%s: %q, not %q", name, value, want)
					}
				}
				if _, err := m.Header.Date(); err != nil || !strings.HasSuffix(m.Header.Get("Message-Id"), "@example.com>") {
					t.Errorf("header %v", m.Header)
				}
			})
		}
	}
}

func TestTextThatIsNotASCII(t *testing.T) {
	server := mailtest.Start(t, mailtest.Config{})
	s := sender(t, mail.Config{Address: server.Address, RootCAs: server.Roots})
	long := strings.Repeat("x", 3000)
	for i, text := range []string{"Grüße an jörg@example.com\n", long + "\n"} {
		if err := s.Send(t.Context(), "jörg@example.com", "Grüße\u2028", text); err != nil {
			t.Fatal(err)
		}
		m := server.Wait(i + 1)
		if m.Text != text || m.To[0] != "jörg@example.com" {
			t.Errorf("got %+v", m)
		}
		for line := range strings.SplitSeq(m.Raw, "\r\n") {
			if len(line) > 998 {
				t.Errorf("a line has %d bytes", len(line))
			}
		}
	}
}

// What is not one address, or one line, is refused before anything is sent.
func TestInjectionIsRefused(t *testing.T) {
	server := mailtest.Start(t, mailtest.Config{})
	s := sender(t, mail.Config{Address: server.Address, RootCAs: server.Roots})
	for _, to := range []string{
		"", "alice", "a@example.com, b@example.com", "a@example.com b@example.com", "Alice <a@example.com>", "<a@example.com>",
		"a@example.com\r\nBcc: b@example.com", "a@example.com\n", "\"a\r\nRCPT TO:<b@example.com>\"@example.com", "a@example.com>\r\nRCPT TO:<b@example.com", "a@exa\x00mple.com",
	} {
		if err := s.Send(t.Context(), to, subject, text); err == nil || to != "" && strings.Contains(err.Error(), to) {
			t.Errorf("%q: %v", to, err)
		}
	}
	for _, subject := range []string{"a\r\nBcc: b@example.com", "a\nb", "a\x00b", "a\xffb", "a\x7f"} {
		if err := s.Send(t.Context(), "alice@example.com", subject, text); err == nil {
			t.Errorf("subject %q was sent", subject)
		}
	}
	if got := server.Messages(); len(got) != 0 {
		t.Errorf("sent: %+v", got)
	}
}

func TestNewRefuses(t *testing.T) {
	good := mail.Config{Address: "mail.example.com:587", From: from}
	for name, change := range map[string]func(*mail.Config){
		"no port":              func(c *mail.Config) { c.Address = "mail.example.com" },
		"no host":              func(c *mail.Config) { c.Address = ":587" },
		"port 0":               func(c *mail.Config) { c.Address = "mail.example.com:0" },
		"port too large":       func(c *mail.Config) { c.Address = "mail.example.com:65536" },
		"no sender":            func(c *mail.Config) { c.From = "" },
		"two senders":          func(c *mail.Config) { c.From = "a@example.com, b@example.com" },
		"unknown way":          func(c *mail.Config) { c.TLS = "maybe" },
		"password of nobody's": func(c *mail.Config) { c.Password = "x" },
	} {
		c := good
		change(&c)
		if _, err := mail.New(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := mail.New(good); err != nil {
		t.Error(err)
	}
}

// An error says what is wrong, and repeats neither the address nor the text,
// whatever the server writes.
func TestErrorsSayWhatIsWrong(t *testing.T) {
	echo := func(code int, what string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: "no: " + what}
	}
	plain := mailtest.Start(t, mailtest.Config{TLS: "none"})
	signed := mailtest.Start(t, mailtest.Config{Username: "latchkey", Password: "right"})
	start := mailtest.Start(t, mailtest.Config{})
	whole := mailtest.Start(t, mailtest.Config{TLS: "tls"})
	picky := mailtest.Start(t, mailtest.Config{Recipient: func(to string) error { return echo(550, to) }})
	deaf := mailtest.Start(t, mailtest.Config{Take: func(text []byte) error { return echo(554, strings.ReplaceAll(string(text), "\r\n", " ")) }})
	full := mailtest.Start(t, mailtest.Config{Take: func([]byte) error { return echo(452, "later") }})
	free := closedPort(t)
	for _, c := range []struct {
		name string
		mail.Config
		want string
	}{
		{"no STARTTLS", mail.Config{Address: plain.Address}, "does not offer STARTTLS"},
		{"TLS where STARTTLS is", mail.Config{Address: start.Address, TLS: mail.TLS, RootCAs: start.Roots}, "does not speak TLS"},
		{"unknown certificate", mail.Config{Address: start.Address}, "certificate is not accepted"},
		{"unknown certificate at once", mail.Config{Address: whole.Address, TLS: mail.TLS}, "certificate is not accepted"},
		{"certificate of another name", mail.Config{Address: "localhost:" + port(start.Address), RootCAs: start.Roots}, "certificate is not accepted"},
		{"wrong password", mail.Config{Address: signed.Address, RootCAs: signed.Roots, Username: "latchkey", Password: "wrong"}, "user name and password (it answered 535)"},
		{"no sign-in there", mail.Config{Address: start.Address, RootCAs: start.Roots, Username: "latchkey", Password: "x"}, "no way to sign in"},
		{"recipient refused", mail.Config{Address: picky.Address, RootCAs: picky.Roots}, "(it answered 550)"},
		{"message refused", mail.Config{Address: deaf.Address, RootCAs: deaf.Roots}, "refused (it answered 554)"},
		{"not now", mail.Config{Address: full.Address, RootCAs: full.Roots}, "no time now (it answered 452)"},
		{"nobody there", mail.Config{Address: free}, "cannot be reached"},
		{"not SMTP", mail.Config{Address: talker(t, "HTTP/1.1 400 alice@example.com\r\n")}, "mail server"},
		{"hangs up", mail.Config{Address: talker(t, "")}, "closed the connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sender(t, c.Config)
			err := s.Send(t.Context(), "alice@example.com", subject, text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, not %q", err, c.want)
			}
			for _, secret := range []string{"alice", "0123456789-_", "wrong"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells %q: %v", secret, err)
				}
			}
		})
	}
	for _, s := range []*mailtest.Server{plain, signed, start, whole, picky, deaf, full} {
		if got := s.Messages(); len(got) != 0 {
			t.Errorf("a message was taken: %+v", got)
		}
	}
}

// A password goes to no server in clear, and where TLS is asked for, nothing
// does.
func TestNothingFallsBackToClearText(t *testing.T) {
	var heard atomic.Pointer[string]
	l := listen(t, func(c net.Conn) {
		fmt.Fprint(c, "220 mail.test ESMTP\r\n")
		var all strings.Builder
		for lines := bufio.NewScanner(c); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			text := all.String()
			heard.Store(&text)
			switch word, _, _ := strings.Cut(lines.Text(), " "); word {
			case "EHLO":
				fmt.Fprint(c, "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n") // STARTTLS was stripped on the way
			default:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
	})
	s := sender(t, mail.Config{Address: l, Username: "latchkey", Password: "hunter2"})
	if err := s.Send(t.Context(), "alice@example.com", subject, text); err == nil {
		t.Fatal("sent")
	}
	if said := heard.Load(); said == nil || strings.Contains(*said, "AUTH") || strings.Contains(*said, "MAIL") {
		t.Errorf("the server heard %v", said)
	}
}

// A message that was taken is not reported as lost, whatever follows: it would
// be sent again.
func TestTakenIsTaken(t *testing.T) {
	l := listen(t, func(c net.Conn) {
		fmt.Fprint(c, "220 mail.test ESMTP\r\n")
		data := false
		for lines := bufio.NewScanner(c); lines.Scan(); {
			switch {
			case lines.Text() == "DATA":
				data = true
				fmt.Fprint(c, "354 go on\r\n")
			case data && lines.Text() == ".":
				fmt.Fprint(c, "250 taken\r\n")
				c.Close() // without a word more
				return
			case !data:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
	})
	s := sender(t, mail.Config{Address: l, TLS: mail.None})
	if err := s.Send(t.Context(), "alice@example.com", subject, "x\n"); err != nil {
		t.Error(err)
	}
}

// A server that stalls, at whatever point, holds nobody longer than the
// context, and its connection is closed.
func TestStallingServers(t *testing.T) {
	for _, stage := range []string{"", "220 mail.test ESMTP\r\n", "220 mail.test ESMTP\r\n250 mail.test\r\n", "220 mail.test ESMTP\r\n250 mail.test\r\n250 ok\r\n250 ok\r\n354 go on\r\n"} {
		for _, way := range []string{mail.None, mail.TLS} {
			t.Run(fmt.Sprintf("%s after %d bytes", way, len(stage)), func(t *testing.T) {
				began, ended := make(chan struct{}), make(chan struct{})
				l := listen(t, func(c net.Conn) {
					fmt.Fprint(c, stage)
					close(began)
					for buf := make([]byte, 1024); ; {
						if _, err := c.Read(buf); err != nil {
							close(ended)
							return
						}
					}
				})
				s := sender(t, mail.Config{Address: l, TLS: way})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- s.Send(ctx, "alice@example.com", subject, text) }()
				<-began
				if way == mail.None || stage == "" {
					cancel() // where TLS was expected, the greeting is an error by itself
				}
				select {
				case err := <-done:
					if err == nil {
						t.Error("sent")
					}
				case <-time.After(10 * time.Second):
					t.Fatal("still there")
				}
				select {
				case <-ended:
				case <-time.After(10 * time.Second):
					t.Fatal("the connection is open")
				}
			})
		}
	}
}

// A server that never ends its answer, or a line of it, fills no memory.
func TestEndlessAnswers(t *testing.T) {
	for what, more := range map[string]string{"lines": "220-" + strings.Repeat("x", 1000) + "\r\n", "line": strings.Repeat("x", 1000)} {
		t.Run(what, func(t *testing.T) {
			sent := make(chan int, 1)
			l := listen(t, func(c net.Conn) {
				n := 0
				fmt.Fprint(c, "220-")
				for n < 64<<20 {
					k, err := fmt.Fprint(c, strings.Repeat(more, 100))
					if n += k; err != nil {
						break
					}
				}
				sent <- n
			})
			s := sender(t, mail.Config{Address: l, TLS: mail.None})
			if err := s.Send(t.Context(), "alice@example.com", subject, text); err == nil {
				t.Error("sent")
			}
			if n := <-sent; n >= 64<<20 {
				t.Errorf("%d bytes of an answer were read", n)
			}
		})
	}
}

// listen serves connections of a test.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			c.SetDeadline(time.Now().Add(20 * time.Second))
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return l.Addr().String()
}

// talker greets with text, hears one line and hangs up.
func talker(t *testing.T, greeting string) string {
	return listen(t, func(c net.Conn) {
		fmt.Fprint(c, greeting)
		if greeting != "" {
			bufio.NewReader(c).ReadString('\n')
		}
	})
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
