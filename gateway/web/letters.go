package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// emailPath is where a link to confirm an e-mail address leads.
const emailPath = "/ui/email"

// letterWidth is how wide a letter is, in characters; only links are wider.
const letterWidth = 72

// Post sends a plain text message to one address. It does what auth.Mailer
// asks: once, with a deadline, and without the address or the text in an error.
type Post interface {
	Send(ctx context.Context, to, subject, text string) error
}

// Letters writes the letters of auth. Their links are made from the public URL
// alone: no request has a say in them.
type Letters struct {
	public *url.URL
	post   Post
}

var _ auth.Mailer = (*Letters)(nil)

// NewLetters writes letters about what is at public, and gives them to post.
func NewLetters(public *url.URL, post Post) *Letters { return &Letters{public: public, post: post} }

// Send writes a letter and sends it.
func (l *Letters) Send(ctx context.Context, letter auth.Letter) error {
	subject, text, err := l.write(letter)
	if err != nil {
		return err
	}
	return l.post.Send(ctx, letter.To, subject, text)
}

func (l *Letters) write(letter auth.Letter) (subject, text string, err error) {
	account := fmt.Sprintf("the account %s at %s", letter.User, l.origin())
	var lines []string
	switch letter.Kind {
	case auth.LetterReset:
		subject = "Choose a new password for " + letter.User
		lines = []string{
			"Somebody, probably you, asked to choose a new password for " + account + ".",
			"Open this link to choose it. It works once, until " + minuteOf(letter.Ends) + ":",
			ResetURL(l.public, letter.User, letter.Key),
			"If this was not you, do nothing: the password stays as it is. Nobody else was sent this link, so pass it on to nobody.",
		}
	case auth.LetterEmailConfirm:
		subject = "Confirm your e-mail address for " + letter.User
		lines = []string{
			"This address was given as the new one of " + account + ".",
			"Open this link while you are signed in there, until " + minuteOf(letter.Ends) + ", to confirm it:",
			at(l.public, emailPath, url.Values{"key": {letter.Key.Reveal()}}),
			"If you have no such account, do nothing: this address is not used, and you get no more mail about it.",
		}
	case auth.LetterEmailChanged:
		subject = "The e-mail address of " + letter.User + " was changed"
		lines = []string{
			"Mail about " + account + " goes to another address from now on: " + letter.NewEmail,
			"If this was neither you nor an administrator at your wish, tell an administrator at once: somebody else may be using your account.",
		}
	case auth.LetterPasswordChanged:
		subject = "The password of " + letter.User + " was changed"
		lines = []string{
			"The password of " + account + " was changed. Every other sign-in in a browser has ended.",
			"If this was neither you nor an administrator at your wish, choose a new one and let everything else end:",
			at(l.public, "/ui/", nil),
			"Then tell an administrator.",
		}
	default:
		return "", "", fmt.Errorf("there is no letter of kind %q", letter.Kind)
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(fill(line))
		b.WriteString("\n\n")
	}
	return subject, strings.TrimSuffix(b.String(), "\n"), nil
}

func (l *Letters) origin() string { return l.public.Scheme + "://" + l.public.Host }

// ResetURL is the link that lets whoever has it choose user's password.
func ResetURL(public *url.URL, user string, key auth.Secret) string {
	return at(public, resetPath, url.Values{"user": {user}, "key": {key.Reveal()}})
}

func at(public *url.URL, path string, query url.Values) string {
	to := url.URL{Scheme: public.Scheme, Host: public.Host, Path: path, RawQuery: query.Encode()}
	return to.String()
}

// fill breaks a paragraph into lines of letterWidth.
func fill(paragraph string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(paragraph) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > letterWidth:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
