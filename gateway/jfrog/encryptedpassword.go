package jfrog

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// EncryptedPassword answers, as text that a client stores byte by byte in the
// place of a password: to a caller who showed their password, clear or
// encrypted, or unlocked their session, an encrypted password; to one who came
// with an API key that key, which serves in the same place. Any other
// credential is refused with 403, and 409 says that encrypted passwords are
// switched off, which the client puts into words of its own.
func (a *API) EncryptedPassword(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if who.Via.Kind == auth.KindAPIKey {
		key, err := a.auth.Keys.Show(r.Context(), who, who.User)
		if err != nil {
			return err
		}
		return writeText(w, http.StatusOK, key.Secret.Reveal())
	}
	secret, err := a.auth.Passwords.Encrypted(r.Context(), who)
	if err != nil {
		return err
	}
	return writeText(w, http.StatusOK, secret.Reveal())
}
