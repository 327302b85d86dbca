package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a token.
const (
	maxToken   = 16 << 10 // bytes
	maxHeader  = 4 << 10  // bytes of the header, decoded
	maxKeyID   = 256      // bytes
	maxSubject = 1 << 10  // bytes; OpenID Connect Core §2 has 255, some issuers have more
	maxQuoted  = 200      // bytes of a claim that a sentence repeats
	leeway     = time.Minute
	maxAge     = 24 * time.Hour
)

// algorithms are those that an issuer may sign with. All are asymmetric, so
// that no public key can be taken for a shared one.
var algorithms = []string{"RS256", "ES256", "PS256", "EdDSA"}

// kind is what a token is for. Those of one issuer are signed with the same
// keys and mean different things, so none is read as another (RFC 8725 §3.11).
type kind struct {
	name    string
	types   []string // what a typ says, without application/; none is well too
	subject bool     // needs a sub
	issued  bool     // needs an iat
}

// The kinds that are read here. An id_token has no type of its own; a job's
// token is one.
var (
	idToken     = kind{"an id_token", []string{"jwt"}, true, true}
	accessToken = kind{"an access token", []string{"at+jwt", "jwt"}, true, false} // RFC 9068 §2.1
	logoutToken = kind{"a logout token", []string{"logout+jwt"}, false, true}     // OpenID Connect Back-Channel Logout 1.0 §2.4
)

// token is a token as it says itself; nothing of it is verified.
type token struct {
	raw    string
	alg    string
	kid    string
	claims map[string]any

	issuer    string
	subject   string // "": none
	audience  []string
	issued    time.Time // zero: not told
	expires   time.Time
	notBefore time.Time // zero: none
}

// parseToken reads a signed JWT in the compact form (RFC 7515 §7.1). Errors are
// clauses about the token that repeat nothing of it but names.
func parseToken(raw string, k kind) (*token, error) {
	if raw == "" {
		return nil, errors.New("is empty")
	}
	if len(raw) > maxToken {
		return nil, fmt.Errorf("is longer than %d KiB", maxToken>>10)
	}
	if strings.Count(raw, ".") != 2 {
		return nil, errors.New("is not a signed JWT, which has three parts")
	}
	parts := strings.SplitN(raw, ".", 3)
	t := &token{raw: raw}
	header, err := decode(parts[0])
	if err != nil {
		return nil, fmt.Errorf("has a header that %w", err)
	}
	if err := t.readHeader(header, k); err != nil {
		return nil, err
	}
	payload, err := decode(parts[1])
	if err != nil {
		return nil, fmt.Errorf("has a payload that %w", err)
	}
	if signature, err := decode(parts[2]); err != nil || len(signature) == 0 {
		return nil, errors.New("has no readable signature")
	}
	if t.claims, err = object(payload); err != nil {
		return nil, fmt.Errorf("has a payload that %w", err)
	}
	return t, t.readClaims(k)
}

// decode takes base64url without padding in its one spelling (RFC 7515 §2).
func decode(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") { // encoding/base64 overlooks them
		return nil, errors.New("is not base64url")
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, errors.New("is not base64url")
	}
	return text, nil
}

func (t *token) readHeader(text []byte, k kind) error {
	if len(text) > maxHeader {
		return fmt.Errorf("has a header of more than %d KiB", maxHeader>>10)
	}
	h, err := object(text)
	if err != nil {
		return fmt.Errorf("has a header that %w", err)
	}
	t.alg, _ = h["alg"].(string)
	if !slices.Contains(algorithms, t.alg) {
		return fmt.Errorf("is not signed with one of %s", strings.Join(algorithms, ", "))
	}
	if v, given := h["kid"]; given {
		var text bool
		if t.kid, text = v.(string); !text || t.kid == "" || len(t.kid) > maxKeyID {
			return fmt.Errorf("has a kid that is not a text of up to %d bytes", maxKeyID)
		}
	}
	if v, given := h["typ"]; given {
		typ, _ := v.(string)
		if !slices.Contains(k.types, strings.TrimPrefix(strings.ToLower(typ), "application/")) {
			return fmt.Errorf("is of another kind than %s", k.name)
		}
	}
	if _, given := h["crit"]; given { // RFC 7515 §4.1.11: we understand none
		return errors.New("has a critical header")
	}
	return nil
}

func (t *token) readClaims(k kind) error {
	var ok bool
	if t.issuer, ok = t.claims["iss"].(string); !ok || t.issuer == "" {
		return errors.New("has no iss")
	}
	if v, given := t.claims["sub"]; given || k.subject {
		if t.subject, ok = v.(string); !ok || t.subject == "" || len(t.subject) > maxSubject {
			return errors.New("has no sub, or one of more than 1 KiB")
		}
	}
	if t.audience, ok = texts(t.claims["aud"]); !ok || len(t.audience) == 0 || slices.Contains(t.audience, "") {
		return errors.New("has no aud that is a text or a list of texts")
	}
	var err error
	if t.expires, err = t.time("exp"); err != nil {
		return err
	}
	if _, given := t.claims["iat"]; given || k.issued {
		if t.issued, err = t.time("iat"); err != nil {
			return err
		}
	}
	if _, given := t.claims["nbf"]; given {
		t.notBefore, err = t.time("nbf")
	}
	return err
}

// texts is a text, or a list of texts, which may be empty.
func texts(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			return nil, false
		}
	}
	return out, true
}

// time reads a NumericDate (RFC 7519 §2) between 1970 and the year 9999, in
// plain digits: what a calculator writes as 1e99 is nobody's clock.
func (t *token) time(name string) (time.Time, error) {
	n, ok := t.claims[name].(json.Number)
	if !ok {
		return time.Time{}, fmt.Errorf("has no %s that is a number", name)
	}
	whole, fraction, _ := strings.Cut(n.String(), ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	const year9999 = 253402300799
	if err != nil || seconds > year9999 || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, fmt.Errorf("has a %s that is not a number of seconds since 1970", name)
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

// untimely is why the token does not count at this moment, a clause each.
func (t *token) untimely(now time.Time) []string {
	var why []string
	if !now.Before(t.expires.Add(leeway)) {
		why = append(why, fmt.Sprintf("ended at %s", stamp(t.expires)))
	}
	if t.issued.After(now.Add(leeway)) {
		why = append(why, fmt.Sprintf("was issued in the future, at %s", stamp(t.issued)))
	}
	if t.notBefore.After(now.Add(leeway)) {
		why = append(why, fmt.Sprintf("does not count before %s", stamp(t.notBefore)))
	}
	return why
}

// stale is why the token is too old, whatever it says of its end.
func (t *token) stale(now time.Time, most time.Duration) []string {
	if now.Sub(t.issued) <= most {
		return nil
	}
	return []string{fmt.Sprintf("is older than %g hours: it was issued at %s", most.Hours(), stamp(t.issued))}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// quote is a stranger's text for a sentence: short, in quotes, nothing in it
// that a terminal or a log would act on.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}
