package mail

import (
	"crypto/rand"
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// message puts a message together. Its errors do not repeat what is wrong.
func (s *Sender) message(to, subject, text string) (*gomail.Msg, error) {
	at, err := mail.ParseAddress(to)
	if err != nil || at.Address != to || strings.ContainsFunc(to, unicode.IsControl) {
		return nil, errors.New("the recipient is not one e-mail address")
	}
	if strings.ContainsFunc(subject, unicode.IsControl) || !utf8.ValidString(subject+text) {
		return nil, errors.New("the subject is not one line of text")
	}
	msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.AddToMailAddress(&mail.Address{Address: to})
	msg.Subject(subject)
	msg.SetDate()
	_, domain, _ := strings.Cut(s.from.Address, "@")
	msg.SetMessageIDWithValue(rand.Text() + "@" + domain)
	// No answers of machines (RFC 3834 §5), those of Exchange included.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, text)
	return msg, nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
