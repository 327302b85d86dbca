package gateway

import (
	"net/http"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// handler answers one of our own URLs. It returns an error with nothing
// written; errors.go renders it in the row's dialect. An error that is not an
// *auth.Error is a bug: 500, its text goes to the log only.
type handler func(w http.ResponseWriter, r *http.Request, who auth.Identity) error

// need is what a row asks of the caller before its handler runs. Deeper rights
// are judged in auth.
type need int

const (
	nobody  need = iota // credentials are not looked at; who is anonymous
	anybody             // anonymous, or somebody; a wrong explicit credential is refused
	lenient             // as anybody, but a wrong or ended credential counts as none
	user                // somebody known
)

// row is one of our own URLs.
type row struct {
	pattern string // of http.ServeMux: "GET /-/api/v1/users/{user}"
	need    need
	dialect dialect
	handler handler

	short     bool // takes a short token for somebody as well; elsewhere it is nobody
	everyHost bool // also on the hosts of routes, not only on that of PublicURL
	localOnly bool // only on the daemon's socket
	// networkOnly rows are for browsers, and not on the socket either.
	networkOnly bool
}

// ServeHTTP is called by the mux of a site, with path values set.
func (row *row) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.r = r // with its path values
	x.failed = x.serveRow(row)
}

// nothing is what a path of ours answers that nothing is served at.
func nothing(http.ResponseWriter, *http.Request, auth.Identity) error {
	return &auth.Error{Code: codeNoRoute, Reason: "there is nothing here"}
}

func own(n need, pattern string, h handler) row { return row{pattern: pattern, need: n, handler: h} }

func onSocket(pattern string, h handler) row {
	return row{pattern: pattern, need: user, handler: h, localOnly: true}
}

// below puts rows under a path, with errors in the dialect that is spoken there.
func below(path string, d dialect, rows []row) []row {
	for i, r := range rows {
		method, rest, named := strings.Cut(r.pattern, " ")
		if !named {
			method, rest = "", r.pattern
		}
		rows[i].pattern = strings.TrimSpace(method + " " + path + rest)
		rows[i].dialect = d
	}
	return rows
}

// shortForMe repeats the rows of one user for the caller.
func shortForMe(rows []row) []row {
	var short []row
	for _, r := range rows {
		if method, rest, found := strings.Cut(r.pattern, " /users/{user}"); found && r.pattern != "GET /users/{user}" {
			r.pattern = method + " /me" + rest
			short = append(short, r)
		}
	}
	return short
}
