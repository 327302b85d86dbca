package configs

import (
	"net"
	"net/mail"
	"strings"
	"unicode"
)

// validateMail reports what keeps mail from being sent, or would send a
// password in the open.
func (c *Config) validateMail(r *report) {
	m := c.SMTP
	checkWord(r, "smtp.tls", m.TLS, "starttls", "tls", "none")
	if m.Address == "" {
		if m.From != "" || m.Username != "" || m.PasswordFile != "" {
			r.at("smtp.address", "is empty, so the rest of smtp is of no use; give the mail server's host:port")
		}
		return
	}
	host, port, err := net.SplitHostPort(m.Address)
	if text := checkAddress(m.Address); text != "" {
		r.at("smtp.address", "%s", text)
	} else if err != nil || host == "" || portNumber(port) == 0 {
		r.at("smtp.address", "takes the host and port of a mail server, as mail.example.com:587")
	}
	if from, err := mail.ParseAddress(m.From); err != nil || strings.ContainsFunc(m.From, unicode.IsControl) || !strings.Contains(from.Address, "@") {
		r.at("smtp.from", "takes the address that mail comes from, as Latchkey <latchkey@example.com>")
	}
	switch {
	case m.Username == "" && m.PasswordFile != "":
		r.at("smtp.username", "is needed with password_file")
	case m.Username != "" && m.PasswordFile == "":
		r.at("smtp.password_file", "is needed with username")
	case m.Username != "" && m.TLS == "none" && !loopback(host):
		r.at("smtp.tls", "would show the password to everybody between here and %s; take starttls or tls", host)
	case m.Username != "":
		if _, err := ReadSecret(m.PasswordFile); err != nil {
			r.at("smtp.password_file", "%s", strings.TrimPrefix(err.Error(), "secret file "))
		}
	}
}

// warnMail says what of mail can be read by others.
func (c *Config) warnMail(say func(string, ...any)) {
	if c.SMTP.Address != "" && c.SMTP.TLS == "none" && !loopback(hostOf(c.SMTP.Address)) {
		say("smtp.tls: none: whoever is between here and %s reads the links that choose new passwords", c.SMTP.Address)
	}
}
