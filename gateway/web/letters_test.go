package web_test

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway/web"
)

// posted is the message that was handed over last.
type posted struct{ to, subject, text string }

func (p *posted) Send(_ context.Context, to, subject, text string) error {
	*p = posted{to, subject, text}
	return nil
}

func TestLetters(t *testing.T) {
	key := strings.Repeat("aZ0-_", 8) + "xyz"
	base := auth.Letter{To: "a@example.com", User: "al+ice@x", Key: auth.NewSecret(key), Ends: time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC), NewEmail: "new@example.org"}
	for _, public := range []string{"http://127.0.0.1:8080", "https://keys.with-a-very-long-name-that-nobody-types.example.com"} {
		u, err := url.Parse(public)
		if err != nil {
			t.Fatal(err)
		}
		var got posted
		letters := web.NewLetters(u, &got)
		for kind, want := range map[auth.LetterKind]string{
			auth.LetterReset:           public + "/ui/reset?key=" + key + "&user=al%2Bice%40x",
			auth.LetterEmailConfirm:    public + "/ui/email?key=" + key,
			auth.LetterEmailChanged:    "new@example.org",
			auth.LetterPasswordChanged: public + "/ui/",
		} {
			l := base
			l.Kind = kind
			if err := letters.Send(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			if got.to != "a@example.com" || !strings.Contains(got.subject, "al+ice@x") || strings.Contains(got.subject, "\n") {
				t.Errorf("%s: %+v", kind, got)
			}
			if !strings.Contains(strings.Join(strings.Fields(got.text), " "), want) || !strings.Contains(got.text, "al+ice@x") {
				t.Errorf("%s has no %s:\n%s", kind, want, got.text)
			}
			for line := range strings.SplitSeq(got.text, "\n") {
				if len(line) > 72 && strings.Contains(line, " ") || strings.TrimSpace(line) != line {
					t.Errorf("%s has the line %q", kind, line)
				}
			}
			for _, link := range regexp.MustCompile(`https?://[^\s]+`).FindAllString(got.text, -1) {
				if !strings.HasPrefix(link, public) {
					t.Errorf("%s has the link %s", kind, link)
				}
			}
			if secret := kind == auth.LetterReset || kind == auth.LetterEmailConfirm; strings.Contains(got.text, key) != secret {
				t.Errorf("%s: key %v", kind, !secret)
			}
		}
		got = posted{}
		if err := letters.Send(t.Context(), auth.Letter{Kind: "other", To: "a@example.com"}); err == nil || got != (posted{}) {
			t.Errorf("a letter of no kind: %v %+v", err, got)
		}
	}
}
