package web

import (
	"net/http"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// confirmPage asks once more before something that cannot be undone: what it
// is about stands in the title, what will stop working in Said.
type confirmPage struct {
	frame
	Said  []string // paragraphs
	Facts []fact
	Form  form
}

// fact is one line of what is known.
type fact struct{ Name, Text string }

func (p *Pages) confirm(w http.ResponseWriter, status int, page confirmPage) error {
	return p.write(w, status, "confirm", page)
}

// refusedConfirm asks again, and says why what was asked for was not done.
// Where the profile has locked itself meanwhile, it can be unlocked there.
func (p *Pages) refusedConfirm(w http.ResponseWriter, who auth.Identity, page confirmPage, err error, values url.Values) error {
	f, status, ok := p.refused(w, who, page.Form, err, values)
	if !ok {
		return err
	}
	if auth.CodeOf(err) == auth.Locked {
		page.Lock.Open, page.Lock.Problem = false, lockedMeanwhile
	} else {
		page.Form = f
	}
	return p.confirm(w, status, page)
}
