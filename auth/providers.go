package auth

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// knownProviders are those of the configuration in force.
type knownProviders struct {
	list      []Provider // in the order of the file
	elsewhere Elsewhere
}

// SetProviders says who signs people in from now on, and who asks them. What
// was let in through one that is not among them any more holds no longer, at
// once, and until one of the same issuer is.
func (a *Authority) SetProviders(providers []Provider, e Elsewhere) {
	k := &knownProviders{list: slices.Clone(providers), elsewhere: e}
	for i := range k.list {
		p := &k.list[i]
		p.Title, p.Unlock = cmp.Or(p.Title, p.Name), cmp.Or(p.Unlock, UnlockByPassword)
	}
	a.providers.Store(k)
	raise(&a.cache.feed.floor, a.cache.feed.seq.Add(1)) // answers may differ now
}

// Providers are those that SetProviders named, in that order.
func (a *Authority) Providers() []Provider { return slices.Clone(a.trusted().list) }

func (a *Authority) trusted() *knownProviders { return a.providers.Load() }

// trusts reports whether a provider that is configured vouches for the
// identities of issuer.
func (a *Authority) trusts(issuer string) bool {
	return slices.ContainsFunc(a.trusted().list, func(p Provider) bool { return p.Issuer == issuer })
}

// vouching is the provider that vouches for the identities of issuer now: the
// one of this name, or where that has another issuer or is gone the first.
func (a *Authority) vouching(name, issuer string) (p Provider, ok bool) {
	for _, k := range a.trusted().list {
		if k.Issuer == issuer && (!ok || k.Name == name) {
			p, ok = k, true
		}
	}
	return p, ok
}

// maxSubject is how much of an identity's issuer and subject is looked at, in
// bytes each. OpenID Connect Core 1.0 §2 allows a subject 255.
const maxSubject = 1024

// vouched is the provider that an identity came from, which must be the one of
// its name in the configuration, with its issuer.
func (a *Authority) vouched(ext External) (Provider, error) {
	p, ok := a.vouching(ext.Provider, ext.Issuer)
	switch {
	case !ok || p.Name != ext.Provider:
		return Provider{}, &Error{
			Code: Forbidden, Reason: "nobody signs in through this provider here any more",
			Err: errors.New("no provider of this name and issuer is configured"),
		}
	case !textOf(ext.Issuer, maxSubject) || !textOf(ext.Subject, maxSubject):
		return Provider{}, &Error{
			Code: Forbidden, Reason: p.Title + " did not say who you are; ask an administrator",
			Err: errors.New("no issuer or subject, or one that cannot be kept"),
		}
	}
	return p, nil
}

// ofIssuer joins an issuer and what it calls something into one text, which no
// other two give.
func ofIssuer(issuer, name string) string {
	return strconv.Itoa(len(issuer)) + " " + issuer + " " + name
}

// Provider is the one of this name, if the configuration has it.
func (a *Authority) Provider(name string) (p Provider, ok bool) {
	list := a.trusted().list
	i := slices.IndexFunc(list, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return Provider{}, false
	}
	return list[i], true
}

// maxSpent bounds how long Spend remembers.
const maxSpent = 24 * time.Hour

// Spend notes that id was used, once: Exists the second time. It is remembered
// until the time given, for a day at most; Invalid when that is over. id is 16
// to 64 characters of base64url.
func (a *Authority) Spend(ctx context.Context, id string, until time.Time) error {
	if len(id) < minFormID || len(id) > maxFormID || !base64URL(id) {
		return invalid("state", "the address cannot be read; begin again")
	}
	now := a.now()
	if !until.After(now) {
		return invalid("state", "this took too long; begin again")
	}
	if most := now.Add(maxSpent); until.After(most) {
		until = most
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	err := a.rec.forms.Create(ctx, a.ring().LookupID(lookupAttempt, id), struct{}{}, until)
	if errors.Is(err, keystore.ErrExists) {
		return &Error{Code: Exists, Reason: "this was done before; begin again"}
	}
	return storeFailed(err)
}

// ReadBearer is the proof that a Bearer token is at a route that takes those
// of these providers: an ExternalToken of those among them whose issuer it is,
// as the token says, else b itself. A token that came with a user name is b:
// what others issue is nobody's by a name here.
func (a *Authority) ReadBearer(b Bearer, providers []string) Proof {
	text := b.Secret.Reveal()
	if len(providers) == 0 || b.User != "" || len(text) > maxSecret || FormOf(text) != FormJWT {
		return b
	}
	issuer := issuerOf(text)
	if issuer == "" {
		return b
	}
	var of []string // in the order of the list
	for _, p := range a.trusted().list {
		if p.Issuer == issuer && slices.Contains(providers, p.Name) {
			of = append(of, p.Name)
		}
	}
	if of == nil {
		return b
	}
	return ExternalToken{Secret: b.Secret, Providers: of}
}

// issuerOf reads who a JWT says has issued it (RFC 7519 §4.1.1); "": it cannot
// be read. Nothing is verified.
func issuerOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(text, &c) != nil {
		return ""
	}
	return c.Issuer
}
