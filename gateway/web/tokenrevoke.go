package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// AskRevokeToken is GET /ui/profile/tokens/{id}/revoke.
func (p *Pages) AskRevokeToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	tok, err := p.ownToken(r, who)
	if err != nil {
		return p.goneTo(w, err, profilePath, "token-gone")
	}
	return p.confirm(w, http.StatusOK, p.revocation(r, who, tok))
}

// revocation asks once more, and says who would notice.
func (p *Pages) revocation(r *http.Request, who auth.Identity, tok auth.Token) confirmPage {
	page := confirmPage{
		frame: p.profile("Revoke “"+nameOf(tok)+"”?", r, who, "Credentials"),
		Said:  []string{"The token stops working at once, everywhere, with what was made with it. Every script and client that holds it is refused from then on."},
		Facts: p.tokenFacts(tok),
		Form:  form{Action: tokenPath(tok.ID, "revoke"), Button: "Revoke token", Danger: true, Cancel: profilePath + "#tokens"},
	}
	for i, u := range tok.RecentUses {
		if i > 0 { // the first is the last use
			page.Facts = append(page.Facts, fact{"Also used", p.lastUse(u)})
		}
	}
	page.Lock.Next = page.Form.Action
	return page
}

// RevokeToken is POST /ui/profile/tokens/{id}/revoke.
func (p *Pages) RevokeToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	tok, err := p.ownToken(r, who)
	if err != nil {
		return p.goneTo(w, err, profilePath, "token-gone")
	}
	err = p.auth.Tokens.Revoke(r.Context(), who, tok.ID)
	switch auth.CodeOf(err) {
	case "":
		return p.done(w, profilePath, "token-revoked")
	case auth.NotFound:
		return p.done(w, profilePath, "token-gone")
	}
	return p.refusedConfirm(w, who, p.revocation(r, who, tok), err, nil)
}
