package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// tokensPath is where identity tokens are made and ended.
const tokensPath = profilePath + "/tokens"

const (
	// soon is how long before its end a credential is said to be about to end.
	soon = 7 * day
	// idle is after how long without use a credential is said to be unused.
	idle = 90 * day
)

// tokenList is the identity tokens of one account.
type tokenList struct {
	Live  []tokenRow
	Pages pager
	Ended []tokenRow
}

// tokenRow is one token as a list shows it.
type tokenRow struct {
	Name    string // its description, or what stands in for it
	Scope   []string
	Made    moment
	Used    use
	Ends    moment // zero: not by itself
	Hangs   string // the credential that it ends with; empty: none
	Renewed bool   // by its program, with a refresh token
	Badges  []badge
	Still   []use  // who uses it although it has a successor
	From    string // what it took over from, in words

	Ended    moment
	EndedWhy string // goes on "ended 2 days ago"

	Rotate, Revoke string // addresses
}

// ShowTokens is GET /ui/profile/tokens: they stand with the other credentials.
func (p *Pages) ShowTokens(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error {
	return p.goTo(w, profilePath+"#tokens")
}

// tokenList reads the tokens of owner, whom the page calls whose; at is the
// page's address.
func (p *Pages) tokenList(r *http.Request, who auth.Identity, owner, whose, at string) (tokenList, error) {
	live, err := p.auth.Tokens.List(r.Context(), who, owner)
	if err != nil {
		return tokenList{}, err
	}
	ended, err := p.auth.Tokens.Ended(r.Context(), who, owner)
	if err != nil {
		return tokenList{}, err
	}
	byID := make(map[string]auth.Token, len(live))
	for _, t := range live {
		byID[t.ID] = t
	}
	list := tokenList{Live: []tokenRow{}}
	shown, pages := paged(r, live, at, "#tokens")
	list.Pages = pages
	for _, t := range shown {
		row := p.tokenRow(t, whose)
		if next, ok := byID[t.ReplacedBy]; ok {
			p.tellOld(&row, t, next)
		}
		if old, ok := byID[t.Replaces]; ok {
			row.From = "Takes over from the older one, which ends " + p.moment(old.Expires).Words + "."
		}
		list.Live = append(list.Live, row)
	}
	for _, t := range ended {
		list.Ended = append(list.Ended, p.tokenRow(t, whose))
	}
	return list, nil
}

func (p *Pages) tokenRow(t auth.Token, whose string) tokenRow {
	row := tokenRow{
		Name: nameOf(t), Scope: scopeWords(t.Scope, whose),
		Made: p.moment(t.Created), Used: p.use(t.LastUsed), Ends: p.moment(t.Expires),
		Hangs: kindWords[t.MadeWith], Renewed: t.Refreshable,
		Ended: p.moment(t.Ended), EndedWhy: endedWords(t.EndedWhy),
		Rotate: tokenPath(t.ID, "rotate"), Revoke: tokenPath(t.ID, "revoke"),
	}
	if t.Ended.IsZero() {
		row.Badges = p.age(t.Created, t.LastUsed.At, t.Expires)
	}
	return row
}

// age are the badges of a credential that is about to end, or that nobody uses.
func (p *Pages) age(made, used, ends time.Time) []badge {
	var badges []badge
	now := p.now()
	if left := ends.Sub(now); !ends.IsZero() && left > 0 && left <= soon {
		badges = append(badges, badge{Text: "expires " + relative(ends, now)})
	}
	if used.Before(made) {
		used = made
	}
	if since := now.Sub(used); since >= idle {
		badges = append(badges, badge{Text: "unused for " + plural(int(since/day), "day")})
	}
	return badges
}

// tellOld tells of a token that next has taken over from, and who has not
// noticed.
func (p *Pages) tellOld(row *tokenRow, old, next auth.Token) {
	row.Rotate = "" // it has been
	for _, u := range old.RecentUses {
		if u.At.After(next.Created) {
			row.Still = append(row.Still, p.use(u))
		}
	}
	text := badge{Text: "old one, not used any more", Kind: "good"}
	if n := len(row.Still); n > 0 {
		text = badge{Text: "old one, still used by " + plural(n, "client"), Kind: "warn"}
	}
	row.Badges = append([]badge{text}, row.Badges...)
}

const maxName = 80 // characters of a name in a title or list

// nameOf is how a page calls a token.
func nameOf(t auth.Token) string {
	name := shortened(t.Description, maxName)
	if name == "" {
		return "Token without a description"
	}
	return name
}

// shortened is the first line of s, cut to n characters.
func shortened(s string, n int) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// kindWords are the credentials that others end with.
var kindWords = map[auth.Kind]string{
	auth.KindAPIKey:            "the API key it was made with",
	auth.KindToken:             "the token it was made with",
	auth.KindPassword:          "the password it was made with",
	auth.KindEncryptedPassword: "the password it was made with",
	auth.KindSSHKey:            "the SSH key it was made with",
}

// endedWords is why a token ended, to go on "ended 2 days ago".
func endedWords(why string) string {
	if rest, ok := strings.CutPrefix(why, "ended "); ok {
		return " " + rest
	}
	return ", " + why
}

func tokenPath(id, act string) string { return tokensPath + "/" + url.PathEscape(id) + "/" + act }

// usesOf are the uses of a token, for its owner to recognise.
func (p *Pages) usesOf(t auth.Token) []use {
	uses := make([]use, 0, len(t.RecentUses))
	for _, u := range t.RecentUses {
		uses = append(uses, p.use(u))
	}
	return uses
}
