package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/mail"
)

// newMail is who hands mail over under c; nil: nobody does. It connects to
// nothing.
func newMail(c *configs.Config) (*mail.Sender, error) {
	if c.SMTP.Address == "" {
		return nil, nil
	}
	out := mail.Config{Address: c.SMTP.Address, From: c.SMTP.From, Username: c.SMTP.Username, TLS: c.SMTP.TLS}
	if c.SMTP.PasswordFile != "" {
		var err error
		if out.Password, err = configs.ReadSecret(c.SMTP.PasswordFile); err != nil {
			return nil, fmt.Errorf("smtp.password_file: %w", err)
		}
	}
	sender, err := mail.New(out)
	if err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	return sender, nil
}

// setMail lets sender send the letters from now on, about what is at public;
// nil: nobody does.
func (d *daemon) setMail(public *url.URL, sender *mail.Sender) {
	d.mail.Store(sender)
	if sender == nil {
		d.authority.SetMailer(nil)
		return
	}
	d.authority.SetMailer(web.NewLetters(public, sender))
}

// mailHealth asks the mail server whether it would take mail.
func mailHealth(ctx context.Context, sender *mail.Sender) (string, error) {
	if err := sender.Check(ctx); err != nil {
		return "", fmt.Errorf("no mail can be sent: %w", err)
	}
	return "The mail server answers, and takes mail from here.", nil
}
