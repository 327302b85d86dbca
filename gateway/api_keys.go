package gateway

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// keyAnswer hands an API key over.
type keyAnswer struct {
	auth.Key
	APIKey string `json:"api_key"`
}

func (a *api) showKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	key, err := a.auth.Keys.Show(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, keyAnswer{Key: key, APIKey: key.Secret.Reveal()})
}

func (a *api) createKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	key, err := a.auth.Keys.Create(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, keyAnswer{Key: key, APIKey: key.Secret.Reveal()})
}

func (a *api) rotateKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := noBody(r); err != nil {
		return err
	}
	key, err := a.auth.Keys.Rotate(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, keyAnswer{Key: key, APIKey: key.Secret.Reveal()})
}

func (a *api) revokeKey(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Keys.Revoke(r.Context(), who, owner(r)))
}

func (a *api) revokeAllKeys(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Keys.RevokeAll(r.Context(), who))
}
