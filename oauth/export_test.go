package oauth

import "github.com/latchkey-io/latchkey/auth"

// The parsers, for fuzzing.

func Matches(text, value string) bool { return newPattern(text).matches(value) }

func Readable(raw string) error {
	_, err := parseToken(raw, idToken)
	return err
}

func ReadKeys(text []byte) error {
	_, err := parseKeys(text)
	return err
}

const (
	FetchTimeout = fetchTimeout
	MaxWaiting   = maxWaiting
	Leeway       = leeway
	MaxAge       = maxAge
	MaxAtOnce    = maxAtOnce
)

// ReadClaims is what a token's payload says, read strictly.
func ReadClaims(payload []byte) (map[string]any, error) { return object(payload) }

func IsState(s string) bool { return isState(s) }

// AttemptText is what is sealed of an attempt, with one text for all secrets.
func AttemptText(provider string, a auth.Attempt, secret string) []byte {
	return (&attempt{Attempt: a, provider: provider, state: secret, nonce: secret, verifier: secret}).text()
}

// RereadAttempt reads such a text and writes it again.
func RereadAttempt(text []byte) ([]byte, error) {
	a, err := parseAttempt(text)
	if err != nil {
		return nil, err
	}
	return a.text(), nil
}
