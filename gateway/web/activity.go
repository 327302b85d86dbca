package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

const activityPath = profilePath + "/activity"

// activityPage is what has happened to the person's account, newest first.
type activityPage struct {
	frame
	Kept   bool // there is a trail to be read
	Events []activityRow
	Newest string // the page that the list begins with; empty: this is it
	Older  string // the page after this one; empty: there is none
}

// activityRow is one event.
type activityRow struct {
	Said         string
	At           moment
	By           string // somebody else; empty: the person, or nobody knows who
	Using        string // what was shown, where that was not this browser's kind
	Addr, Client string
	Bad          bool // a credential was refused
}

// ShowActivity is GET /ui/profile/activity?before=….
func (p *Pages) ShowActivity(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page := activityPage{frame: p.profile("Activity", r, who, "Activity"), Kept: p.machine != nil}
	if !page.Kept {
		return p.write(w, http.StatusOK, "activity", page)
	}
	before := beforeOf(r.URL.Query())
	written, err := p.openAudit(r.Context())
	if err != nil {
		return err
	}
	defer written.Close()
	found, err := p.auth.Trail.Activity(r.Context(), who, who.User, written, before, perPage)
	if err != nil {
		return err
	}
	for _, e := range found.Events {
		page.Events = append(page.Events, p.activityRow(who, e))
	}
	if before > 0 {
		page.Newest = activityPath
	}
	if found.Older > 0 {
		page.Older = activityPath + "?" + beforeInQuery + "=" + strconv.FormatInt(found.Older, 10)
	}
	return p.write(w, http.StatusOK, "activity", page)
}

func (p *Pages) activityRow(who auth.Identity, e auth.Event) activityRow {
	row := activityRow{Said: e.Sentence(), At: p.moment(e.Time), Addr: e.Addr, Client: ClientWords(e.Client)}
	switch {
	case e.Action == actionIdentify: // the sentence says what was shown
		row.Bad = true
	case e.User != who.User:
		row.By = e.User
	default:
		kind, _, _ := strings.Cut(e.Credential, ":")
		row.Using = credentialWords[auth.Kind(kind)]
	}
	return row
}

// credentialWords are kinds of credentials, but for the session of a browser.
var credentialWords = map[auth.Kind]string{
	auth.KindAPIKey:            "your API key",
	auth.KindToken:             "a token",
	auth.KindGrant:             "a short token",
	auth.KindPassword:          "your password",
	auth.KindEncryptedPassword: "your encrypted password",
	auth.KindSSHKey:            "an SSH key",
	auth.KindRefresh:           "a refresh token",
	auth.KindReset:             "a link to choose a password",
	auth.KindLocal:             "the command line of the server",
}
