package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/internal/mail/mailtest"
)

const mailPassword = "what the mail server wants"

// mailConfig is a configuration with a mail server that wants a sign-in.
func mailConfig(address, file string) string {
	return "smtp: {address: '" + address + "', from: 'Latchkey <latchkey@example.com>', username: latchkey, password_file: '" + file + "'}\n"
}

// mailedKey is the key of a link, however it is written.
var mailedKey = regexp.MustCompile(`key=([A-Za-z0-9_-]{43})`)

// The whole way of a forgotten password with a real daemon and a real mail
// server: one message to the right address, with a link to the configured
// address, whatever the request says of itself, and nothing of it on record.
func TestMail(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Config{Username: "latchkey", Password: mailPassword})
	d := newDaemon(t)
	roots, file := filepath.Join(d.dir, "roots.pem"), filepath.Join(d.dir, "mail-password")
	for path, text := range map[string]string{roots: string(server.PEM), file: mailPassword + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(d.env, "SSL_CERT_FILE="+roots)
	d.configure(mailConfig(server.Address, file))
	d.start()
	d.do("user", "create", "alice", "--email", "alice@example.com")
	if said := d.do("doctor", "-c", d.dir+"/latchkey.yaml"); !strings.Contains(said, "daemon: mail") || strings.Contains(said, "no mail can be sent") {
		t.Error(said)
	}

	forgot := func(name string, headers ...string) answer {
		return d.request("POST", "/-/api/v1/forgot", `{"username":"`+name+`"}`, append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	for _, name := range []string{"nobody", "alice"} {
		a := forgot(name, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "javascript", "X-Forwarded-Port", "666",
			"Forwarded", "host=evil.example;proto=http", "X-Host", "evil.example", "Origin", "http://"+d.http, "Referer", "http://evil.example/")
		if a.status != http.StatusAccepted || a.body != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := forgot("alice", "Host", "evil.example"); a.status != http.StatusNotFound {
		t.Errorf("at another host: %d %s", a.status, a.body)
	}
	m := server.Wait(1)
	if len(m.To) != 1 || m.To[0] != "alice@example.com" || m.From != "latchkey@example.com" || strings.Contains(m.Raw, "evil.example") {
		t.Errorf("%+v", m)
	}
	links := regexp.MustCompile(`\S+://\S+/\S*`).FindAllString(m.Text, -1)
	if len(links) != 1 || !strings.HasPrefix(links[0], "http://"+d.http+"/ui/reset?key=") {
		t.Fatalf("links %q in\n%s", links, m.Text)
	}
	mailed := mailedKey.FindStringSubmatch(links[0])[1]
	if a := d.request("GET", strings.TrimPrefix(links[0], "http://"+d.http), ""); a.status >= 500 {
		t.Errorf("the link: %d %s", a.status, a.body)
	}

	// An administrator's is printed alone.
	made := d.do("user", "reset-link", "alice")
	if u, err := url.Parse(strings.TrimSpace(made)); err != nil || u.Host != d.http || u.Query().Get("user") != "alice" || len(u.Query().Get("key")) != 43 {
		t.Errorf("%q %v", made, err)
	}
	var link struct{ User, URL, Expires string }
	if err := json.Unmarshal([]byte(d.do("user", "reset-link", "alice", "--json")), &link); err != nil || link.User != "alice" || link.URL == "" || link.Expires == "" {
		t.Errorf("%+v %v", link, err)
	}
	if _, _, code := d.try("", "user", "reset-link", "nobody"); code != exitNotFound {
		t.Errorf("of nobody: exit %d", code)
	}

	// The account's own address is confirmed, and what is said of it is not on record.
	d.do("user", "update", "alice", "--email", "other@example.com")
	if m := server.Wait(2); m.To[0] != "alice@example.com" || !strings.Contains(m.Text, "other@example.com") {
		t.Errorf("%+v", m)
	}
	keys := []string{mailed, mailedKey.FindStringSubmatch(made)[1], mailedKey.FindStringSubmatch(link.URL)[1], mailPassword}
	d.stop()
	err := filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || path == file {
			return err
		}
		text, err := os.ReadFile(path)
		for _, key := range keys {
			if strings.Contains(string(text), key) {
				t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, key := range keys {
		if strings.Contains(d.err.String(), key) {
			t.Error("the log holds a secret")
		}
	}
	if n := len(server.Messages()); n != 2 {
		t.Errorf("%d messages were sent", n)
	}
}

// Mail is switched on, over and off while the daemon runs; a server that does
// not take it is named by doctor, and hinders nothing else.
func TestMailIsReloaded(t *testing.T) {
	t.Parallel()
	first, second := mailtest.Start(t, mailtest.Config{TLS: "none"}), mailtest.Start(t, mailtest.Config{TLS: "none"})
	deaf := mailtest.Start(t, mailtest.Config{TLS: "none", Recipient: func(string) error { return errors.New("not now") }})
	d := newDaemon(t)
	d.configure("")
	d.start()
	for _, name := range []string{"alice", "bob", "carol"} {
		d.do("user", "create", name, "--email", name+"@example.com")
	}
	forgot := func(name string, want int) {
		t.Helper()
		if a := d.request("POST", "/-/api/v1/forgot", `{"username":"`+name+`"}`, "Content-Type", "application/json"); a.status != want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	over := func(address string) {
		t.Helper()
		d.configure("smtp: {address: '" + address + "', from: latchkey@example.com, tls: none}\n")
		d.reload("the configuration was reloaded")
	}
	forgot("alice", http.StatusConflict)
	over(first.Address)
	forgot("alice", http.StatusAccepted)
	first.Wait(1)
	over(second.Address)
	forgot("bob", http.StatusAccepted)
	if m := second.Wait(1); m.To[0] != "bob@example.com" {
		t.Errorf("%+v", m)
	}
	over(deaf.Address)
	forgot("carol", http.StatusAccepted)
	d.configure("smtp: {address: '" + deaf.Address + "', from: latchkey@example.com, tls: starttls}\n")
	d.reload("the configuration was reloaded")
	if out, _, code := d.try("", "doctor", "-c", d.dir+"/latchkey.yaml"); code != exitFailed || !strings.Contains(out, "does not offer STARTTLS") {
		t.Errorf("exit %d: %s", code, out)
	}
	d.configure("smtp: {address: '" + first.Address + "', from: latchkey@example.com, username: a, password_file: none}\n")
	d.reload("the configuration was not reloaded")
	d.configure("")
	d.reload("the configuration was reloaded")
	forgot("alice", http.StatusConflict)
	if len(first.Messages()) != 1 || len(second.Messages()) != 1 {
		t.Error("more was sent")
	}
}
