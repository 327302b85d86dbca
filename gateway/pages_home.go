package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// homePage is what GET /ui/ shows.
type homePage struct {
	frame
	Name, Email           string
	Groups                []string
	Admin                 bool
	Expires, ExpiresExact string
	FirstPassword         bool
	ChangePassword        string
	Steps                 []step
}

// step is one thing to do next, and the command that does it.
type step struct{ Title, Command string }

func (p *pages) showHome(w http.ResponseWriter, _ *http.Request, who auth.Identity) error {
	page := homePage{
		frame: p.frame("Your account", who), Name: who.Name, Email: who.Email,
		Groups: who.Groups, Admin: who.Admin,
		FirstPassword: who.Admin && who.User == firstUser,
		Steps:         p.steps(who.User),
	}
	if !who.Expires.IsZero() {
		page.ExpiresExact = who.Expires.UTC().Format(time.RFC3339)
		page.Expires = who.Expires.UTC().Format("2 January 2006, 15:04 UTC")
	}
	page.ChangePassword = "latchkey user update " + firstUser + " --password-stdin"
	return p.write(w, http.StatusOK, p.home, page)
}

// firstUser is the account that a fresh installation begins with.
const firstUser = "admin"

func (p *pages) steps(user string) []step {
	at := strings.TrimSuffix(p.public.String(), "/") + apiRoot
	return []step{
		{"See what a program sees when you show it your password", "curl -u " + user + " " + at + "/whoami"},
		{"Make an API key for scripts and clients", "curl -u " + user + " -X POST " + at + "/me/apikey"},
		{"Register your SSH key, for git and git-lfs", "curl -u " + user + " " + at + "/me/sshkeys \\\n  --json \"{\\\"key\\\":\\\"$(cat ~/.ssh/id_ed25519.pub)\\\"}\""},
	}
}
