package jfrog

import (
	"net/http"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// life is how long a new token lives: not said, the default of the
// configuration; 0, for ever. Where the configuration sets a maximum, or the
// caller's own credential ends, 0 is as if nothing was said: terraform sends 0
// then, and what is handed out says how long it lives.
func (a *API) life(who auth.Identity, expiresIn *int64) (time.Duration, error) {
	if expiresIn != nil && *expiresIn == 0 && (a.auth.Policy().TokenMax > 0 || ends(who, a.now())) {
		return 0, nil
	}
	return auth.LifeOf(expiresIn)
}

// ends reports a caller whose credential makes no endless token.
func ends(who auth.Identity, now time.Time) bool { return !who.Expires.IsZero() && !who.Full(now) }

// legacyLife is the life of a token for which the legacy API is not told one.
const legacyLife = time.Hour

// lifeOfLegacy is how long a new token lives: not said, an hour, or less where the
// configuration or the caller's own credential ends sooner.
func (a *API) lifeOfLegacy(who auth.Identity, expiresIn *int64) (time.Duration, error) {
	if expiresIn != nil {
		return auth.LifeOf(expiresIn)
	}
	life, now := legacyLife, a.now()
	if longest := a.auth.Policy().TokenMax; longest > 0 {
		life = min(life, longest)
	}
	if ends(who, now) {
		life = min(life, who.Expires.Sub(now))
	}
	return life, nil
}

// DefaultExpiry answers the life of a token for which none is asked.
func (a *API) DefaultExpiry(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	life := a.auth.Policy().TokenLife() / time.Second // Endless is 0
	return writeJSON(w, http.StatusOK, map[string]int64{"default_token_expiration": int64(life)})
}

// SetDefaultExpiry says where the default is set: 400.
func (a *API) SetDefaultExpiry(_ http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	if err := onlyAdmin(who); err != nil {
		return err
	}
	return invalid("", "the configuration is a file: set tokens.default_expiry there and send SIGHUP")
}

// expiresIn is the whole life of t in seconds, at least 1; 0: no end.
func expiresIn(t auth.Token) int64 {
	if t.Expires.IsZero() {
		return 0
	}
	return max(int64(t.Expires.Sub(t.Created)/time.Second), 1)
}
