package web

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// notices are what a page says of what has just been done, by the name that
// stands in its address.
var notices = map[string]string{
	"locked":              "Your profile is locked.",
	"key-made":            "Your API key is made. View or copy it below.",
	"key-rotated":         "You have a new API key; the one before has stopped working. View or copy it below.",
	"key-revoked":         "The API key is revoked. It has stopped working everywhere.",
	"token-revoked":       "The token is revoked. It has stopped working everywhere.",
	"token-gone":          "That token had ended already. Nothing was left to do.",
	"ssh-gone":            "That SSH key was deleted already. Nothing was left to do.",
	"ssh-added":           "The SSH key is added. It works from now on.",
	"ssh-deleted":         "The SSH key is deleted. It has stopped working everywhere.",
	"session-ended":       "The session is ended.",
	"sessions-ended":      "All other sessions are ended.",
	"saved":               "Saved.",
	"email-pending":       "A mail with a link is on its way to the new address. The address changes when you open the link.",
	"email-confirmed":     "The new e-mail address is confirmed.",
	"password-renewed":    "The new password is set. Sign in with it.",
	"password-changed":    "The password is changed. Everything that hung on the old one has ended.",
	"upstream-saved":      "Saved. Requests in your name use it from now on.",
	"upstream-deleted":    "The credential is deleted. It is not sent any more.",
	"user-added":          "The user is added.",
	"user-saved":          "Saved.",
	"user-disabled":       "The user is disabled. Sessions and tokens have ended; keys are silent until the user is enabled.",
	"user-enabled":        "The user is enabled.",
	"user-sessions-ended": "All sessions of the user are ended.",
	"password-unexpired":  "The password is good again.",
	"user-deleted":        "The user is deleted, with everything the user had.",
	"guesses-cleared":     "The count of wrong passwords is cleared.",
	"password-expired":    "The password is expired: it is good for choosing another one only.",
	"group-added":         "The group is added.",
	"group-saved":         "Saved.",
	"group-deleted":       "The group is deleted.",
	"keys-revoked":        "All API keys are revoked. None of them works any more.",
	"session-gone":        "That session had ended already.",
	accountLinked:         "The account is linked. It signs you in from now on.",
	"account-unlinked":    "The account is unlinked. It does not sign you in any more.",
	"account-gone":        "That account was unlinked already. Nothing was left to do.",
	"user-unlinked":       "The account is unlinked. It does not sign the user in any more.",
	"upstream-gone":       "Nothing was stored for it any more.",
	"forgot-sent":         "If there is such an account and it has an e-mail address, a mail with a link is on its way there.",
}

// moment is a point in time as a page shows it: in words, with the exact time
// behind them.
type moment struct{ Words, Exact string }

// IsZero reports that there is no such time.
func (m moment) IsZero() bool { return m == moment{} }

func (p *Pages) moment(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{relative(t, p.now()), t.UTC().Format("2006-01-02T15:04:05Z")}
}

// relative is how long ago, or in how long: to the minute, hour or day, and
// from two months on the date.
func relative(t, now time.Time) string {
	d := t.Sub(now)
	past := d <= 0
	if past {
		d = -d
	} else {
		d = d.Round(time.Minute) // what ends in 7 days does so a moment later too
	}
	var words string
	switch {
	case d < time.Minute && past:
		return "just now"
	case d < time.Minute:
		words = "less than a minute"
	case d < time.Hour:
		words = plural(int(d/time.Minute), "minute")
	case d < day:
		words = plural(int(d/time.Hour), "hour")
	case d < 60*day:
		words = plural(int(d/day), "day")
	default:
		return dateOf(t)
	}
	if past {
		return words + " ago"
	}
	return "in " + words
}

// day is 24 hours, which every day of UTC has.
const day = 24 * time.Hour

// dateOf is the day of a time.
func dateOf(t time.Time) string { return t.UTC().Format("2 January 2006") }

// minuteOf is a time that people everywhere read alike.
func minuteOf(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// use is the last use of a credential as a page shows it.
type use struct {
	At           moment
	Addr, Client string
}

func (p *Pages) use(u auth.Use) use { return use{p.moment(u.At), u.Addr, u.Client} }

// lastUse is a use in one line.
func (p *Pages) lastUse(u auth.Use) string {
	if u.At.IsZero() {
		return "never"
	}
	words := []string{p.moment(u.At).Words}
	if u.Addr != "" {
		words = append(words, "from "+u.Addr)
	}
	if u.Client != "" {
		words = append(words, "with "+u.Client)
	}
	return strings.Join(words, " ")
}

// clock is a time of today.
func clock(t time.Time) string { return t.UTC().Format("15:04 UTC") }

// countdown is a time that is left, as 9:41 or 1:09:41.
func countdown(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// sentence makes a reason, which begins like an error, one for a page.
func sentence(reason string) string {
	if reason == "" {
		return ""
	}
	reason = capital(reason)
	if strings.HasSuffix(reason, ".") {
		return reason
	}
	return reason + "."
}

// capital is s beginning with a capital letter.
func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[n:]
}

// Texts that stand in more than one place.
const (
	passwordExpired = "Your password has expired. Ask an administrator for a new one."
	lockedAgain     = "Your profile locked itself meanwhile. Type your password and send the form again."
	lockedForm      = "Your profile locked itself meanwhile. Unlock it, then send this form again; what is typed stays."
	lockedMeanwhile = "Your profile locked itself meanwhile. Unlock it and try again."
	notNow          = "This does not work at the moment. Try again in a minute; nothing was changed."
)

// problem is what a page says of a refusal, beside a field or, with field
// empty, above the form.
type problem struct {
	Field, Text string
	status      int
}

// problemOf reads err as something that the person can do something about; ok
// is false for all else, which has the error page.
func (p *Pages) problemOf(w http.ResponseWriter, err error) (pr problem, ok bool) {
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return problem{}, false
	}
	pr = problem{Field: refusal.Field, Text: sentence(auth.Mask(refusal.Reason)), status: p.statusOf(refusal.Code)}
	switch refusal.Code {
	case auth.Invalid, auth.Exists, auth.Unsupported, auth.Forbidden:
	case auth.Expired:
		pr.Text = passwordExpired
	case auth.Locked:
		pr.Field, pr.Text = passwordField, lockedAgain
	case auth.Throttled:
		pr.Text = tooManyAttempts(w, refusal)
	case auth.Unavailable:
		pr.Field, pr.Text = "", notNow
	default:
		return problem{}, false
	}
	return pr, true
}

// problemAbove is problemOf for a page whose forms take no password along.
func (p *Pages) problemAbove(w http.ResponseWriter, err error) (pr problem, ok bool) {
	pr, ok = p.problemOf(w, err)
	if auth.CodeOf(err) == auth.Locked {
		pr.Field, pr.Text = "", lockedMeanwhile
	}
	return pr, ok
}

// longestWait is the most seconds that anybody is asked to wait at once.
const longestWait = 300

// tooManyAttempts says how long to wait, to the person and to the browser.
func tooManyAttempts(w http.ResponseWriter, refusal *auth.Error) string {
	seconds := min(max(int(math.Ceil(refusal.RetryAfter.Seconds())), 1), longestWait)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return "There were too many attempts. Wait " + plural(seconds, "second") + " and try again."
}
