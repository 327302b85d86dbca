package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
)

// Holding is a kind of thing that a user has any number of, and that
// administrators end. It is the name in the address.
type Holding string

const (
	HeldTokens    Holding = "tokens"
	HeldSSHKeys   Holding = "sshkeys"
	HeldSessions  Holding = "sessions"
	HeldAccounts  Holding = "accounts"
	HeldUpstreams Holding = "upstreams"
)

// Holdings are all kinds, in the order of the page.
var Holdings = []Holding{HeldTokens, HeldSSHKeys, HeldSessions, HeldAccounts, HeldUpstreams}

// firstHeld is how many of each kind stand on the user's own page.
const firstHeld = 10

// holdings is a list of things of one kind.
type holdings struct {
	Kind, Title string
	None        string // what is said of an empty list
	Rows        []holding
	More        int    // how many there are in all, where that is more
	All         string // where they are
	Open        bool   // what is on it can be ended now
}

// holding is one thing that a user has.
type holding struct {
	id           string
	Name         string
	Mono         string // what it may do, or its fingerprint
	Badges       []badge
	Made, Ends   moment
	Use          use
	last         string // Use in one line
	NotUsed      bool   // nothing is known of its uses
	Act, ActPath string
}

// holdingKind is what differs between the kinds.
type holdingKind struct {
	title, none string
	act         string // what ends it, as a verb
	ask, said   string // before it is ended
	notice      string
	list        func(p *Pages, ctx context.Context, who auth.Identity, owner string) ([]holding, error) // a method
	end         func(a *auth.Authority, owner string) operation                                         // by its id
}

var holdingKinds = map[Holding]holdingKind{
	HeldTokens: {
		title: "Identity tokens", none: "No identity tokens.", act: "Revoke", ask: "Revoke a token of ",
		said:   "It stops working at once, everywhere, and so does what was made with it.",
		notice: "token-revoked", list: (*Pages).heldTokens,
		end: func(a *auth.Authority, _ string) operation { return a.Tokens.Revoke },
	},
	HeldSSHKeys: {
		title: "SSH keys", none: "No SSH keys.", act: "Delete", ask: "Delete an SSH key of ",
		said:   "It opens nothing any more, and what was made with it ends.",
		notice: "ssh-deleted", list: (*Pages).heldSSHKeys,
		end: func(a *auth.Authority, _ string) operation { return a.SSHKeys.Delete },
	},
	HeldSessions: {
		title: "Sessions", none: "Not signed in anywhere.", act: "End", ask: "End a session of ",
		said:   "That browser is signed out at once. Tokens that were made there go on.",
		notice: "session-ended", list: (*Pages).heldSessions,
		end: func(a *auth.Authority, _ string) operation { return a.Sessions.Revoke },
	},
	HeldAccounts: {
		title: "Linked accounts", none: "None linked.", act: "Unlink", ask: "Unlink an account of ",
		said:   "It does not sign this user in any more, and browsers that signed in through it are signed out. The user can link it again.",
		notice: "user-unlinked", list: (*Pages).heldAccounts,
		end: func(a *auth.Authority, _ string) operation { return a.Bindings.Delete },
	},
	HeldUpstreams: {
		title: "Upstream credentials", none: "None stored.", act: "Delete", ask: "Delete an upstream credential of ",
		said:   "Requests in this user’s name reach that upstream without it from then on, and are refused where it asks for one.",
		notice: "upstream-deleted", list: (*Pages).heldUpstreams,
		end: func(a *auth.Authority, owner string) operation {
			return func(ctx context.Context, who auth.Identity, id string) error {
				return a.Upstreams.Delete(ctx, who, owner, id)
			}
		},
	},
}

// held lists what owner has of a kind.
func (p *Pages) held(r *http.Request, who auth.Identity, owner string, kind Holding) ([]holding, error) {
	k := holdingKinds[kind]
	rows, err := k.list(p, r.Context(), who, owner)
	for i := range rows {
		rows[i].Act = k.act
		rows[i].ActPath = userActPath(owner, string(kind)+"/"+url.PathEscape(rows[i].id)+"/end")
	}
	return rows, err
}

func (p *Pages) heldTokens(ctx context.Context, who auth.Identity, owner string) ([]holding, error) {
	tokens, err := p.auth.Tokens.List(ctx, who, owner)
	var rows []holding
	for _, t := range tokens {
		h := holding{
			id: t.ID, Name: cmp.Or(t.Description, "No description"), Mono: t.Scope,
			Made: p.moment(t.Created), Ends: p.moment(t.Expires), Use: p.use(t.LastUsed), last: p.lastUse(t.LastUsed),
		}
		if t.Refreshable {
			h.Badges = append(h.Badges, badge{"renews itself", ""})
		}
		rows = append(rows, h)
	}
	return rows, err
}

func (p *Pages) heldSSHKeys(ctx context.Context, who auth.Identity, owner string) ([]holding, error) {
	keys, err := p.auth.SSHKeys.List(ctx, who, owner)
	var rows []holding
	for _, k := range slices.Backward(keys) {
		rows = append(rows, holding{
			id: k.ID, Name: cmp.Or(k.Title, "No title"), Mono: k.Type + " " + k.Fingerprint,
			Made: p.moment(k.Created), Ends: p.moment(k.Expires), Use: p.use(k.LastUsed), last: p.lastUse(k.LastUsed),
		})
	}
	return rows, err
}

func (p *Pages) heldSessions(ctx context.Context, who auth.Identity, owner string) ([]holding, error) {
	sessions, err := p.auth.Sessions.List(ctx, who, owner)
	var rows []holding
	for _, s := range sessions {
		h := holding{
			id: s.ID, Name: cmp.Or(ClientWords(s.LastUsed.Client), "A browser"),
			Made: p.moment(s.Created), Ends: p.moment(s.Expires), Use: use{At: p.moment(s.LastUsed.At), Addr: s.LastUsed.Addr}, last: p.lastUse(s.LastUsed),
		}
		if s.Provider != "" {
			h.Badges = append(h.Badges, badge{"through " + p.titleOf(s.Provider), ""})
		}
		rows = append(rows, h)
	}
	return rows, err
}

func (p *Pages) heldAccounts(ctx context.Context, who auth.Identity, owner string) ([]holding, error) {
	bound, err := p.auth.Bindings.List(ctx, who, owner)
	var rows []holding
	for _, b := range bound {
		h := holding{
			id: b.ID, Name: p.titleOf(b.Provider) + ": " + cmp.Or(b.Login, b.Email, b.Subject), Mono: b.Issuer + " " + b.Subject,
			Made: p.moment(b.Created), Use: p.use(b.LastUsed), last: p.lastUse(b.LastUsed),
		}
		if b.Dormant {
			h.Badges = append(h.Badges, badge{"not used: its provider is gone", "warn"})
		}
		rows = append(rows, h)
	}
	return rows, err
}

func (p *Pages) heldUpstreams(ctx context.Context, who auth.Identity, owner string) ([]holding, error) {
	stored, err := p.auth.Upstreams.List(ctx, who, owner)
	var rows []holding
	for _, c := range stored {
		h := holding{id: c.Upstream, Name: c.Upstream, Mono: c.Name, Made: p.moment(c.Created), NotUsed: true}
		if c.Stale {
			h.Badges = append(h.Badges, badge{"not used: the upstream has changed", "warn"})
		}
		rows = append(rows, h)
	}
	return rows, err
}

// heldPage is the whole list of one kind.
type heldPage struct {
	frame
	Of, Back string // the account, and its page
	List     holdings
	Pager    pager
}

// ShowHeld makes the page GET /ui/admin/users/{user}/{kind}.
func (p *Pages) ShowHeld(kind Holding) Handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		user, err := p.userOf(r, who)
		if err != nil {
			return err
		}
		rows, err := p.held(r, who, user.Name, kind)
		if err != nil {
			return err
		}
		k := holdingKinds[kind]
		page := heldPage{
			frame: p.admin(k.title+" of "+user.Name, r, who, "Users"), Of: user.Name, Back: userPath(user.Name),
			List: holdings{Kind: string(kind), None: k.none},
		}
		page.List.Open = page.Lock.Open
		page.List.Rows, page.Pager = paged(r, rows, userActPath(user.Name, string(kind)), "")
		return p.write(w, http.StatusOK, "held", page)
	}
}

// AskEndHeld makes the page GET /ui/admin/users/{user}/{kind}/{id}/end.
func (p *Pages) AskEndHeld(kind Holding) Handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		_, page, err := p.askEndHeld(r, who, kind)
		if err != nil {
			return err
		}
		return p.confirm(w, http.StatusOK, page)
	}
}

func (p *Pages) askEndHeld(r *http.Request, who auth.Identity, kind Holding) (owner string, page confirmPage, err error) {
	user, err := p.userOf(r, who)
	if err != nil {
		return "", confirmPage{}, err
	}
	rows, err := p.held(r, who, user.Name, kind)
	if err != nil {
		return "", confirmPage{}, err
	}
	i := slices.IndexFunc(rows, func(h holding) bool { return h.id == r.PathValue("id") })
	if i < 0 {
		return "", confirmPage{}, &auth.Error{Code: auth.NotFound, Reason: user.Name + " has no such thing, or not any more"}
	}
	k, h := holdingKinds[kind], rows[i]
	page = confirmPage{
		frame: p.admin(k.ask+user.Name+"?", r, who, "Users"), Said: []string{k.said},
		Facts: []fact{{"Called", h.Name}, {"Made", h.Made.Words}},
		Form:  form{Action: h.ActPath, Button: k.act, Danger: true, Cancel: userPath(user.Name)},
	}
	if h.Mono != "" {
		page.Facts = slices.Insert(page.Facts, 1, fact{"Is", h.Mono})
	}
	if !h.NotUsed {
		page.Facts = append(page.Facts, fact{"Last used", h.last})
	}
	return user.Name, page, nil
}

// EndHeld makes POST /ui/admin/users/{user}/{kind}/{id}/end.
func (p *Pages) EndHeld(kind Holding) Handler {
	return func(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
		owner, page, err := p.askEndHeld(r, who, kind)
		if err != nil {
			return err
		}
		if _, err := readForm(w, r); err != nil {
			return err
		}
		k := holdingKinds[kind]
		if err := k.end(p.auth, owner)(r.Context(), who, r.PathValue("id")); err != nil {
			return p.refusedConfirm(w, who, page, err, nil)
		}
		return p.done(w, userPath(owner), k.notice)
	}
}
