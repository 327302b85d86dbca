package jfrog

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// What npm, pnpm and yarn ask for below api/npm/REPOSITORY/ to sign in and out.
// Whatever REPOSITORY is, it is answered here and never by an upstream, which
// would be shown the password or hand out a credential of its own.

const (
	npmReason     = "npm login"         // the token's description
	npmUserPrefix = "org.couchdb.user:" // of a user's name in npm's paths
	npmRevision   = "1"                 // npm asks for one and does nothing with it
	npmRetry      = "3"                 // seconds between two polls
)

// npmUser is the answer to whoami.
type npmUser struct {
	Username string `json:"username"`
}

// NPMWhoAmI tells npm whom its token stands for.
func (a *API) NPMWhoAmI(w http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	return writeJSON(w, http.StatusOK, npmUser{Username: who.User})
}

// npmSignIn is what npm login --auth-type=legacy sends.
type npmSignIn struct {
	ID       string      `json:"_id"`
	Name     string      `json:"name"`
	Password auth.Secret `json:"password"`
}

// npmSignedIn is the answer to it.
type npmSignedIn struct {
	OK       bool   `json:"ok"`
	ID       string `json:"id"`
	Revision string `json:"rev"`
	Token    string `json:"token"`
}

// NPMSignIn makes a token for whom the name and password in the body prove:
// 201 with it, 401 when they do not, 400 when the body names another user than
// the path. A key or token in the place of the password makes a token that
// covers no more. What the request shows beside the body is not looked at: it
// may be the very token that has ended.
func (a *API) NPMSignIn(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	named, ok := strings.CutPrefix(r.PathValue("user"), npmUserPrefix)
	if !ok {
		return &auth.Error{Code: auth.NotFound, Reason: "there is nothing here"}
	}
	var in npmSignIn
	if err := readJSON(w, r, &in, strictjson.Options{AllowUnknown: true, AllowNull: true}); err != nil {
		return err
	}
	if in.Name == "" || in.Name != named || in.ID != "" && in.ID != npmUserPrefix+named {
		return invalid("name", "the name in the body must be the one in the path")
	}
	who, err := a.auth.Identify(r.Context(), who.Peer, auth.ReadSecret(in.Name, in.Password))
	if err != nil {
		return err
	}
	n := auth.NewToken{Description: npmReason, Reference: true}
	if !who.Scopes.User() {
		n.Scope = who.Scopes.String()
	}
	tok, err := a.auth.Tokens.Create(r.Context(), who, n)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, npmSignedIn{
		OK: true, ID: npmUserPrefix + who.User, Revision: npmRevision, Token: tok.Reference.Reveal(),
	})
}

// npmDone is the answer to signing out.
type npmDone struct {
	OK bool `json:"ok"`
}

// NPMSignOut ends the token in the path, JWT or reference form: whoever holds a
// token may end it. 404 for what is no token of ours; one that has ended
// already is as ended as was asked for.
func (a *API) NPMSignOut(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	secret := auth.NewSecret(r.PathValue("token"))
	switch auth.FormOf(secret.Reveal()) {
	case auth.FormJWT, auth.FormReference:
	default:
		return unknownToken(nil)
	}
	err := a.auth.Tokens.Surrender(r.Context(), who.Peer, secret)
	if auth.CodeOf(err) == auth.Invalid {
		err = unknownToken(err)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, npmDone{OK: true})
}

func unknownToken(cause error) error {
	return &auth.Error{Code: auth.NotFound, Reason: "there is no such token", Err: cause}
}

// npmWebLogin is where npm sends the person, and where it asks for the token.
type npmWebLogin struct {
	LoginURL string `json:"loginUrl"`
	DoneURL  string `json:"doneUrl"`
}

// NPMWebLogin begins a web login. Its links are made from the public URL. The
// id is the end of the first, where the person reads the code that the page
// asks for.
func (a *API) NPMWebLogin(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := ignoreBody(w, r); err != nil {
		return err
	}
	id := auth.NewWebLoginID()
	if err := a.auth.WebLogins.Begin(r.Context(), who.Peer, auth.NewWebLogin{ID: id, Description: npmReason}); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, npmWebLogin{
		LoginURL: a.origin + "/ui/login?" + WebLoginQuery + "=" + id,
		DoneURL:  a.origin + "/artifactory/api/npm/" + url.PathEscape(r.PathValue("repository")) + "/-/v1/done/" + id,
	})
}

// npmToken hands a token over.
type npmToken struct {
	Token string `json:"token"`
}

// NPMWebLoginDone answers npm's question for the token: 202 while nobody has let
// it in, 200 with the token once, 404 ever after.
func (a *API) NPMWebLoginDone(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	tok, ready, err := a.take(r, who)
	if err != nil {
		return err
	}
	if !ready {
		w.Header().Set("Retry-After", npmRetry)
		return writeJSON(w, http.StatusAccepted, struct{}{})
	}
	return writeJSON(w, http.StatusOK, npmToken{Token: tok.JWT.Reveal()})
}

// NPMAuth answers lines for an .npmrc: for somebody who came with the clear
// password an encrypted one stands in its place, otherwise, and where those are
// switched off, the lines hold what the caller showed. A locked session is
// refused: it has shown nothing that could stand in a file.
func (a *API) NPMAuth(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	secret := shownSecret(r.Header)
	if who.Via.Kind == auth.KindPassword || who.Via.Kind == auth.KindSession {
		encrypted, err := a.auth.Passwords.Encrypted(r.Context(), who)
		switch {
		case err == nil:
			secret = encrypted
		case auth.CodeOf(err) != auth.Unsupported || who.Via.Kind == auth.KindSession:
			return err
		}
	}
	pair := base64.StdEncoding.EncodeToString([]byte(who.User + ":" + secret.Reveal()))
	return writeText(w, http.StatusOK, "_auth = "+pair+"\nalways-auth = true\nemail = "+who.Email+"\n")
}

// shownSecret is the secret of a request that has been found good: of a key
// header if there is one, which is then the one that acts, else the password of
// Basic, else what follows Bearer, or stands alone.
func shownSecret(h http.Header) auth.Secret {
	for _, name := range [...]string{"X-Jfrog-Art-Api", "X-Api-Key"} {
		if key := h.Get(name); key != "" {
			return auth.NewSecret(key)
		}
	}
	scheme, rest, spaced := strings.Cut(h.Get("Authorization"), " ")
	if !spaced {
		return auth.NewSecret(scheme)
	}
	if rest = strings.TrimLeft(rest, " "); !strings.EqualFold(scheme, "Basic") {
		return auth.NewSecret(rest)
	}
	pair, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
	if err != nil {
		return auth.Secret{}
	}
	_, password, _ := strings.Cut(string(pair), ":")
	return auth.NewSecret(password)
}
