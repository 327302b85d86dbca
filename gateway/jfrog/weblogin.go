package jfrog

import (
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// WebLoginQuery is the name of the id of a program that waits to be let in, in
// the query of the sign-in page. Clients write it.
const WebLoginQuery = "jfClientSession"

const webLoginReason = "web login" // the token's description

// WebLoginID reads the id under which a program waits to be let in: a version 4
// UUID in lower or upper case (RFC 9562 section 4), which it gives back in
// lower case. It is the only secret between the program and its token.
func WebLoginID(text string) (id string, ok bool) {
	const form = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx"
	if len(text) != len(form) {
		return "", false
	}
	id = strings.ToLower(text)
	for i := range len(form) {
		digits := "0123456789abcdef"
		switch form[i] {
		case '-', '4':
			digits = form[i : i+1]
		case 'y':
			digits = "89ab"
		}
		if strings.IndexByte(digits, id[i]) < 0 {
			return "", false
		}
	}
	return id, true
}

// RequestWebLogin takes in a program that waits for a person to let it in with
// a browser: {"session":"<id>"} is answered 200 {}. Nobody is known yet. 429
// says that too many wait.
func (a *API) RequestWebLogin(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in struct {
		Session string `json:"session"`
	}
	if err := readJSON(w, r, &in, strictjson.Options{AllowUnknown: true}); err != nil {
		return err
	}
	id, ok := WebLoginID(in.Session)
	if !ok {
		return invalid("session", "session must be a version 4 UUID")
	}
	err := a.auth.WebLogins.Begin(r.Context(), who.Peer, auth.NewWebLogin{ID: id, Refreshable: true, Description: webLoginReason})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct{}{})
}

// TakeWebLogin answers the program that asks whether it was let in: 400 while
// nobody has, which clients take for "ask again", 200 with the token once, and
// 404 ever after, as for an id that is unknown or has expired.
func (a *API) TakeWebLogin(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	tok, ready, err := a.take(r, who)
	if err != nil {
		return err
	}
	if !ready {
		return invalid("", "nobody has let this program in yet; ask again in three seconds")
	}
	return writeJSON(w, http.StatusOK, handOver(tok))
}

// take asks for the token of the web login that the path names. HEAD would
// serve it to nobody.
func (a *API) take(r *http.Request, who auth.Identity) (auth.Token, bool, error) {
	if r.Method != http.MethodGet {
		return auth.Token{}, false, invalid("", "ask with GET: the token is handed over once")
	}
	id, ok := WebLoginID(r.PathValue("session"))
	if !ok {
		return auth.Token{}, false, &auth.Error{Code: auth.NotFound, Reason: "no such login waits"}
	}
	return a.auth.WebLogins.Take(r.Context(), who.Peer, id)
}
