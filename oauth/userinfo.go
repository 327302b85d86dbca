package oauth

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/oauth2"

	"github.com/latchkey-io/latchkey/auth"
)

// person is who an id_token is of, with what userinfo adds, by our rules. id
// may say no more than whom it is about.
func (o *openID) person(ctx context.Context, m metadata, id *token, got *oauth2.Token) (auth.External, error) {
	claims := id.claims
	if m.userinfo != "" && o.lacks(claims) {
		info, err := o.userinfo(ctx, m, id.subject, got)
		if err != nil {
			return auth.External{}, err
		}
		claims = o.merged(claims, info)
	}
	if err := o.admits(claims); err != nil {
		return auth.External{}, err
	}
	ext := o.external(id, claims)
	var err error
	if ext.Groups, err = o.groups(claims[o.claims.Groups]); err != nil {
		return auth.External{}, err
	}
	if len(id.raw) <= maxHint && id.raw != "" {
		ext.IDToken = auth.NewSecret(id.raw)
	}
	return ext, nil
}

// external is whom a token is of, described by claims.
func (o *openID) external(t *token, claims map[string]any) auth.External {
	ext := o.described(claims)
	ext.Subject = t.subject
	if sid, _ := t.claims["sid"].(string); len(sid) <= maxSID {
		ext.SID = sid
	}
	return ext
}

// lacks reports claims that our rules need, or that leave no name to call the
// person by, or nothing at all that an id_token has said.
func (o *openID) lacks(claims map[string]any) bool {
	has := func(name string) bool { return claims[name] != nil }
	switch {
	case claims == nil, len(o.rules) > 0 && !has(o.claims.Groups), !has(o.claims.Login) && !has(o.claims.Email):
		return true
	case len(o.domains) == 0:
		return false
	case o.google:
		return !has("hd")
	}
	return !has(o.claims.Email) || !has(o.claims.EmailVerified)
}

// userinfo asks the userinfo endpoint about subject (OpenID Connect Core
// §5.3.2): an answer about anybody else is not used.
func (o *openID) userinfo(ctx context.Context, m metadata, subject string, got *oauth2.Token) (map[string]any, error) {
	if text := m.fault(m.userinfo); text != "" {
		return nil, o.down("discovery: userinfo_endpoint %s", text)
	}
	text, err := o.read(ctx, "userinfo", m.userinfo, auth.NewSecret(got.AccessToken))
	if err != nil {
		return nil, err
	}
	info, err := object(text)
	if err != nil {
		return nil, o.down("userinfo: the answer %w", err)
	}
	if !sameText(info["sub"], subject) {
		return nil, o.denied("userinfo is about somebody else")
	}
	return info, nil
}

// merged is claims with what info has beyond them. An address and whether it is
// verified are of one source: the word for one is no word for another.
func (o *openID) merged(claims, info map[string]any) map[string]any {
	out := maps.Clone(info)
	if claims[o.claims.Email] != nil && (claims[o.claims.EmailVerified] != nil || info[o.claims.Email] == nil) {
		delete(out, o.claims.EmailVerified)
	} else {
		claims = maps.Clone(claims)
		delete(claims, o.claims.Email)
		delete(claims, o.claims.EmailVerified)
	}
	maps.Copy(out, claims)
	return out
}

// admits judges by the rule of domains.
func (o *openID) admits(claims map[string]any) error {
	if len(o.domains) == 0 {
		return nil
	}
	if o.google {
		hd, _ := claims["hd"].(string)
		if !slices.Contains(o.domains, hd) {
			return o.excluded("hd is %s, which is not allowed", quote(hd))
		}
		return nil
	}
	email, _ := claims[o.claims.Email].(string)
	email = cleanEmail(email)
	switch {
	case email == "" || !verified(claims[o.claims.EmailVerified]):
		return o.excluded("there is no verified e-mail address")
	case !ofDomain(email, o.domains):
		_, domain, _ := cutLast(email, "@")
		return o.excluded("the e-mail address is of %s, which is not allowed", quote(domain))
	}
	return nil
}
