package gateway

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// The headers that a credential comes in.
const (
	keyHeader    = "X-Jfrog-Art-Api" // as net/http spells it
	oldKeyHeader = "X-Api-Key"
	authHeader   = "Authorization"
)

const (
	maxCredential = 12 << 10 // bytes of one header with a credential: 8 KiB in base64, and a name
	maxCookies    = 256      // cookies of one request that are looked at; browsers keep 180 of one domain
)

// credentials is what one request shows. Explicit ones never give way to the
// ambient one: a wrong key is not rescued by a good cookie.
type credentials struct {
	key    auth.Proof // of a key header
	header auth.Proof // of Authorization
	cookie auth.Proof // of our session cookie; only read when there is no other
	basic  bool       // header is Basic, which browsers remember and send on their own
}

// explicit reports that the client chose to show something.
func (c *credentials) explicit() bool { return c.key != nil || c.header != nil }

// fromPage reports that a browser may have sent c because some page, of
// whatever site, made it. A page of another site can set neither a key header
// nor Authorization without asking first (a CORS preflight), but the cookie and
// remembered Basic credentials go along by themselves.
func (c *credentials) fromPage() bool { return c.key == nil && (c.header == nil || c.basic) }

// notAccepted is a credential that cannot be good, whatever the store says. It
// stands for a proof so that one wrong of two is refused as such.
type notAccepted struct{ auth.Proof }

func refusedProof() error {
	return &auth.Error{Code: auth.Unauthenticated, Reason: "the credential is not accepted"}
}

// readCredentials reads the headers of one request. Errors are of code
// Invalid: what is malformed, or there twice and not equal.
func readCredentials(h http.Header, cookieName string) (credentials, error) {
	var c credentials
	key, err := single(h, keyHeader)
	if err != nil {
		return c, err
	}
	old, err := single(h, oldKeyHeader)
	if err != nil {
		return c, err
	}
	switch {
	case key == nil:
		key = old
	case old != nil && *old != *key:
		return c, malformed("two key headers with different keys")
	}
	if key != nil {
		c.key = readKey(*key)
	}
	value, err := single(h, authHeader)
	if err != nil {
		return c, err
	}
	if value != nil {
		if c.header, err = readAuthorization(*value); err != nil {
			return c, err
		}
		scheme, _, _ := strings.Cut(*value, " ")
		c.basic = strings.EqualFold(scheme, "Basic")
	}
	if !c.explicit() {
		c.cookie = readCookie(h["Cookie"], cookieName)
	}
	return c, nil
}

// single is the value of a header that counts once; nil when it is not there.
// Clients that keep a header in two places send it twice: equal copies are one.
func single(h http.Header, name string) (*string, error) {
	values := h[name]
	if len(values) == 0 {
		return nil, nil
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return nil, malformed("two different " + name + " headers")
		}
	}
	if len(values[0]) > maxCredential {
		return nil, malformed("the " + name + " header is too long")
	}
	return &values[0], nil
}

// readKey reads a key header: an API key or a reference token.
func readKey(text string) auth.Proof {
	switch auth.FormOf(text) {
	case auth.FormAPIKey:
		return auth.APIKey{Secret: auth.NewSecret(text)}
	case auth.FormReference:
		return auth.Bearer{Secret: auth.NewSecret(text)}
	}
	return notAccepted{}
}

// readAuthorization reads
//
//	Basic base64(user:secret)   RFC 7617, UTF-8
//	Bearer secret               RFC 6750 §2.1
//	secret                      cargo sends a token as it is
//
// Schemes are compared without case (RFC 9110 §11.1). Another scheme is a
// credential that nobody here accepts.
func readAuthorization(value string) (auth.Proof, error) {
	scheme, rest, spaced := strings.Cut(value, " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return readBasic(rest)
	case strings.EqualFold(scheme, "Bearer"):
		return readBearer(rest), nil
	case !spaced:
		return readBearer(value), nil
	}
	return notAccepted{}, nil
}

// readBearer reads an API key, a JWT or a reference token.
func readBearer(text string) auth.Proof {
	switch auth.FormOf(text) {
	case auth.FormAPIKey:
		return auth.APIKey{Secret: auth.NewSecret(text)}
	case auth.FormReference, auth.FormJWT:
		return auth.Bearer{Secret: auth.NewSecret(text)}
	}
	return notAccepted{}
}

// readBasic reads the user-id and password of Basic. The password takes all
// five kinds of secrets; the user-id is the owner, empty or "__token__".
func readBasic(text string) (auth.Proof, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		// Some clients leave the padding out.
		if raw, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, malformed("the Basic credentials are not base64")
		}
	}
	if !utf8.Valid(raw) {
		return nil, malformed("the Basic credentials are not UTF-8")
	}
	// RFC 7617 §2: the user-id has no colon, and neither has control characters.
	name, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return nil, malformed("the Basic credentials have no colon")
	}
	for i := range len(raw) {
		if raw[i] < ' ' || raw[i] == 0x7f {
			return nil, malformed("the Basic credentials have a control character")
		}
	}
	if password == "" || auth.FormOf(name) != auth.FormPassword {
		// A secret in the place of the name, or none at all.
		return notAccepted{}, nil
	}
	p := auth.ReadSecret(name, auth.NewSecret(password))
	if p, ok := p.(auth.Password); ok && p.User == "" {
		return notAccepted{}, nil
	}
	return p, nil
}

// readCookie is the session in our cookie.
func readCookie(lines []string, name string) auth.Proof {
	value, ok := oneCookie(lines, name)
	if !ok {
		return nil
	}
	return auth.Session{Secret: auth.NewSecret(value)}
}

// oneCookie is the value of a cookie. Two different ones are none: one of them
// was planted.
func oneCookie(lines []string, name string) (string, bool) {
	found, several := "", false
	whole := eachCookie(lines, func(n, value string) {
		if n == name && value != "" {
			several = several || found != "" && found != value
			found = value
		}
	})
	if !whole || several || found == "" || len(found) > maxCredential {
		return "", false
	}
	return found, true
}

// eachCookie shows the cookies of a request; whole is false where there are
// more than are looked at.
func eachCookie(lines []string, show func(name, value string)) (whole bool) {
	left := maxCookies
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			if left--; left < 0 {
				return false
			}
			if name, value, ok := strings.Cut(strings.TrimLeft(part, " \t"), "="); ok {
				show(name, strings.TrimRight(value, " \t"))
			}
		}
	}
	return true
}

// keyRefused marks a refusal that a key header earned: 403 instead of 401, so
// that clients stop asking for a password.
type keyRefused struct{ error }

func (e keyRefused) Unwrap() error { return e.error }

// identifier is the part of auth.Authority that tells who somebody is.
type identifier interface {
	Identify(ctx context.Context, peer auth.Peer, p auth.Proof) (auth.Identity, error)
}

// identify tells who c stands for: anonymous when nothing was shown, or when
// only the cookie was and it has ended. Two explicit credentials must both be
// good and of one user; then the key's identity acts.
func (c *credentials) identify(ctx context.Context, a identifier, peer auth.Peer) (auth.Identity, error) {
	if !c.explicit() {
		if c.cookie == nil {
			return auth.Identity{Peer: peer}, nil
		}
		who, err := a.Identify(ctx, peer, c.cookie)
		if auth.CodeOf(err) == auth.Unauthenticated {
			return auth.Identity{Peer: peer}, nil
		}
		return who, err
	}
	var who auth.Identity
	if c.key != nil {
		var err error
		if who, err = identifyOne(ctx, a, peer, c.key); err != nil {
			if auth.CodeOf(err) == auth.Unauthenticated {
				err = keyRefused{err}
			}
			return auth.Identity{}, err
		}
		if c.header == nil {
			return who, nil
		}
	}
	second, err := identifyOne(ctx, a, peer, c.header)
	if err != nil {
		return auth.Identity{}, err
	}
	if c.key == nil {
		return second, nil
	}
	if second.User != who.User {
		return auth.Identity{}, malformed("the credentials are of two different users")
	}
	return who, nil
}

func identifyOne(ctx context.Context, a identifier, peer auth.Peer, p auth.Proof) (auth.Identity, error) {
	if _, no := p.(notAccepted); no {
		return auth.Identity{}, refusedProof()
	}
	return a.Identify(ctx, peer, p)
}
