package web

import (
	"encoding/json"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// Addresses of the API key and the encrypted password.
const (
	keyPath       = profilePath + "/apikey"
	encryptedPath = profilePath + "/encrypted-password"
)

// credentialsPage is the profile: what stands in for the person, but for SSH
// keys.
type credentialsPage struct {
	frame
	Problem string
	First   bool // the password is still the one that the installation began with

	Key       secret
	HasKey    bool
	MayMake   bool // API keys may be made
	KeyMade   moment
	KeyUse    use
	Encrypted secret
	HasOne    bool // there can be an encrypted password
	Tokens    tokenList
}

// firstUser is the account that a fresh installation begins with.
const firstUser = "admin"

// ShowCredentials is GET /ui/profile.
func (p *Pages) ShowCredentials(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.credentials(w, r, http.StatusOK, who, func(*credentialsPage) {})
}

// credentials fills in the page and lets change say what is special about it.
func (p *Pages) credentials(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, change func(*credentialsPage)) error {
	ctx, policy := r.Context(), p.auth.Policy()
	user, err := p.auth.Users.Get(ctx, who, who.User)
	if err != nil {
		return err
	}
	page := credentialsPage{
		frame:     p.profile("Credentials", r, who, "Credentials"),
		First:     who.Admin && who.User == firstUser && user.Updated.Equal(user.Created),
		Key:       secret{ID: "api-key", Label: "API key", Action: keyPath + "/show"},
		MayMake:   !policy.NoNewAPIKeys || who.Admin,
		Encrypted: secret{ID: "encrypted-password", Label: "Encrypted password", Action: encryptedPath + "/show"},
		HasOne:    policy.EncryptedPasswords != auth.EncryptionUnsupported && who.Unlockable,
	}
	key, err := p.auth.Keys.Get(ctx, who, who.User)
	switch {
	case err == nil:
		page.HasKey, page.KeyMade, page.KeyUse = true, p.moment(key.Created), p.use(key.LastUsed)
	case auth.CodeOf(err) != auth.NotFound:
		return err
	}
	if page.Tokens, err = p.tokenList(r, who, who.User, "you", profilePath); err != nil {
		return err
	}
	change(&page)
	return p.write(w, status, "credentials", page)
}

// refusedCredentials is the page with what was refused above it.
func (p *Pages) refusedCredentials(w http.ResponseWriter, r *http.Request, who auth.Identity, err error) error {
	pr, ok := p.problemAbove(w, err)
	if auth.CodeOf(err) == auth.NotFound { // revoked in another window
		pr, ok = problem{Text: "You have no API key any more: it was revoked meanwhile.", status: http.StatusNotFound}, true
	}
	if !ok {
		return err
	}
	return p.credentials(w, r, pr.status, lockedBy(who, err), func(page *credentialsPage) { page.Problem = pr.Text })
}

// MakeKey is POST /ui/profile/apikey.
func (p *Pages) MakeKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if _, err := p.auth.Keys.Create(r.Context(), who, who.User); err != nil {
		return p.refusedCredentials(w, r, who, err)
	}
	return p.done(w, profilePath, "key-made")
}

// ShowKey is POST /ui/profile/apikey/show.
func (p *Pages) ShowKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	key, err := p.auth.Keys.Show(r.Context(), who, who.User)
	if err != nil {
		return p.refusedSecret(w, r, who, err)
	}
	if wantsJSON(r) {
		return p.tell(w, key.Secret)
	}
	return p.credentials(w, r, http.StatusOK, who, func(page *credentialsPage) { page.Key.Text = key.Secret.Reveal() })
}

// ShowEncrypted is POST /ui/profile/encrypted-password/show. The text is made
// anew each time; those shown before stay good.
func (p *Pages) ShowEncrypted(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	text, err := p.auth.Passwords.Encrypted(r.Context(), who)
	if err != nil {
		return p.refusedSecret(w, r, who, err)
	}
	if wantsJSON(r) {
		return p.tell(w, text)
	}
	return p.credentials(w, r, http.StatusOK, who, func(page *credentialsPage) { page.Encrypted.Text = text.Reveal() })
}

// refusedSecret is refusedCredentials, or for the script the error itself.
func (p *Pages) refusedSecret(w http.ResponseWriter, r *http.Request, who auth.Identity, err error) error {
	if wantsJSON(r) {
		return err
	}
	return p.refusedCredentials(w, r, who, err)
}

// AskRotateKey is GET /ui/profile/apikey/rotate.
func (p *Pages) AskRotateKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.askAboutKey(w, r, who, form{Action: keyPath + "/rotate", Button: "Regenerate API key"}, "Regenerate your API key?",
		"The API key that you have now stops working at once, everywhere, before the new one is made. Every script and client that holds it needs the new one.")
}

// RotateKey is POST /ui/profile/apikey/rotate.
func (p *Pages) RotateKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if _, err := p.auth.Keys.Rotate(r.Context(), who, who.User); err != nil {
		return p.refusedCredentials(w, r, who, err)
	}
	return p.done(w, profilePath, "key-rotated")
}

// AskRevokeKey is GET /ui/profile/apikey/revoke.
func (p *Pages) AskRevokeKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.askAboutKey(w, r, who, form{Action: keyPath + "/revoke", Button: "Revoke API key"}, "Revoke your API key?",
		"It stops working at once, everywhere. Every script and client that holds it is refused from then on. You can generate another one afterwards.")
}

// RevokeKey is POST /ui/profile/apikey/revoke.
func (p *Pages) RevokeKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if err := p.auth.Keys.Revoke(r.Context(), who, who.User); err != nil {
		return p.refusedCredentials(w, r, who, err)
	}
	return p.done(w, profilePath, "key-revoked")
}

// askAboutKey asks once more, and says who would notice.
func (p *Pages) askAboutKey(w http.ResponseWriter, r *http.Request, who auth.Identity, f form, title, said string) error {
	key, err := p.auth.Keys.Get(r.Context(), who, who.User)
	if err != nil {
		return p.refusedCredentials(w, r, who, err)
	}
	f.Danger, f.Cancel = true, profilePath
	page := confirmPage{frame: p.profile(title, r, who, "Credentials"), Said: []string{said}, Form: f}
	page.Lock.Next = r.URL.EscapedPath()
	page.Facts = []fact{{"Made", p.moment(key.Created).Words}, {"Last used", p.lastUse(key.LastUsed)}}
	return p.confirm(w, http.StatusOK, page)
}

// wantsJSON reports the page's own script, which takes a secret without the
// page around it.
func wantsJSON(r *http.Request) bool { return r.Header.Get("Accept") == "application/json" }

// tell hands a secret to the page's own script.
func (p *Pages) tell(w http.ResponseWriter, s auth.Secret) error {
	body, err := json.Marshal(struct {
		Secret string `json:"secret"`
	}{s.Reveal()})
	if err != nil {
		return err
	}
	p.guard(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Write(body) // a browser that has gone needs none
	return nil
}
