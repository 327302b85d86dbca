package oauth

// The parsers, for fuzzing.

func Matches(text, value string) bool { return newPattern(text).matches(value) }

func Readable(raw string) error {
	_, err := parseToken(raw, jobToken)
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
)

// ReadClaims is what a token's payload says, read strictly.
func ReadClaims(payload []byte) (map[string]any, error) { return object(payload) }
