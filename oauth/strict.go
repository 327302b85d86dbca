package oauth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
)

var errUnclear = errors.New("the answer can be read in more than one way, or in none")

// strict lets nothing of a good answer through that two readers understand
// differently: JSON that object refuses, a form with a name twice. Lists, as
// some APIs have, are for whoever reads them.
type strict struct{ next http.RoundTripper }

func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil || answer.StatusCode/100 != 2 {
		return answer, err
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	switch kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind {
	case "application/x-www-form-urlencoded", "text/plain":
		err = onceEach(string(text))
	default:
		if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '[' {
			_, err = object(text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it %w", errUnclear, err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}

func onceEach(form string) error {
	v, err := url.ParseQuery(form)
	if err != nil {
		return errors.New("is not a form")
	}
	for name, values := range v {
		if len(values) > 1 {
			return fmt.Errorf("has %s twice", quote(name))
		}
	}
	return nil
}
