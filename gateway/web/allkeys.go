package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	allKeysPath       = adminPath + "/keys"
	revokeAllKeysPath = allKeysPath + "/revoke-all"

	// revokeAllWords are typed before all API keys are revoked.
	revokeAllWords = "revoke all"
	wordsField     = "words"
)

// allKeysPage is about the API keys of everybody.
type allKeysPage struct {
	frame
	Making bool // users may make API keys
}

// ShowAllKeys is GET /ui/admin/keys.
func (p *Pages) ShowAllKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.write(w, http.StatusOK, "allkeys", allKeysPage{frame: p.admin("API keys", r, who, "API keys"), Making: !p.auth.Policy().NoNewAPIKeys})
}

func (p *Pages) revokeAllPage(r *http.Request, who auth.Identity) confirmPage {
	return confirmPage{
		frame: p.admin("Revoke everybody’s API keys?", r, who, "API keys"),
		Said: []string{
			"Every API key of every user stops working at once, yours included, and so does what was made with one. Scripts and clients that hold a key are refused until each is given a new key or token by hand. Nothing brings the keys back.",
			"How many users have a key is not known without looking at each of them. Tokens, SSH keys, sessions and passwords go on.",
		},
		Form: form{
			Action: revokeAllKeysPath, Button: "Revoke all API keys", Danger: true, Cancel: allKeysPath,
			Fields: []field{{Name: wordsField, Label: "Type “" + revokeAllWords + "” to go on", Mono: true, Required: true, Complete: "off", Max: 32}},
		},
	}
}

// AskRevokeAllKeys is GET /ui/admin/keys/revoke-all.
func (p *Pages) AskRevokeAllKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.confirm(w, http.StatusOK, p.revokeAllPage(r, who))
}

// RevokeAllKeys is POST /ui/admin/keys/revoke-all.
func (p *Pages) RevokeAllKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page := p.revokeAllPage(r, who)
	values, err := readForm(w, r, page.Form.names()...)
	if err != nil {
		return err
	}
	if values.Get(wordsField) != revokeAllWords {
		err = invalid(wordsField, "type “"+revokeAllWords+"” exactly to go on, or cancel")
	} else {
		err = p.auth.Keys.RevokeAll(r.Context(), who)
	}
	if err != nil {
		return p.refusedConfirm(w, who, page, err, values)
	}
	return p.done(w, allKeysPath, "keys-revoked")
}
