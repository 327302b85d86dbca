package auth

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

const (
	minFormID = 16 // characters
	maxFormID = 64
	// formFor is how long a form that was sent is remembered.
	formFor = 12 * time.Hour
	// maxForms is how many a session sends within guessWindow.
	maxForms = 600
)

// Once takes the random id of a form that a page showed: nil when this session
// has not sent it within 12 hours, else an error of code Exists, so that of
// many equal posts one is done. form is 16 to 64 characters of base64url;
// another is of code Invalid, field "form". Only browser sessions send forms;
// one that sends very many is Throttled.
func (s *Sessions) Once(ctx context.Context, who Identity, form string) error {
	if who.Via.Kind != KindSession {
		return forbidden("only a browser session sends forms")
	}
	if len(form) < minFormID || len(form) > maxFormID || !base64URL(form) {
		return invalid("form", "the form cannot be read; load the page again")
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	wait, err := s.a.take(ctx, "forms/"+who.Via.ref, maxForms)
	if err != nil {
		return err
	}
	if wait > 0 {
		return &Error{Code: Throttled, RetryAfter: wait, Reason: "too many forms were sent in a few minutes"}
	}
	hash := s.a.ring().LookupID(lookupForm, who.Via.ref+" "+form)
	err = s.a.rec.forms.Create(ctx, hash, struct{}{}, s.a.now().Add(formFor))
	if errors.Is(err, keystore.ErrExists) {
		return &Error{Code: Exists, Reason: "this form was sent before, and what it asked for was done then; load the page again"}
	}
	return storeFailed(err)
}

func base64URL(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
