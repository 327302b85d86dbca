package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"
)

// activityKept is how far back an account's activity goes.
const activityKept = 90 * 24 * time.Hour

// Activity gives events of an account to its owner or an administrator, as Page
// does, of the last 90 days and never from before the account was made: what a
// namesake did is nobody's any more.
//
// It is what the account did, what was refused to whoever showed one of its
// credentials or tried one, and what others did to it; not what was refused to
// others, who could bury the rest under it. Where from and with what
// credential others acted is left out, and so are lines that are no events.
func (t *Trail) Activity(ctx context.Context, who Identity, owner string, w Written, before int64, limit int) (EventPage, error) {
	if err := t.a.may(ctx, who, actActivity, owner); err != nil {
		return EventPage{}, err
	}
	reading, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, err := (&view{a: t.a}).account(reading, owner)
	switch {
	case err != nil:
		return EventPage{}, err
	case acc == nil:
		return EventPage{}, noAccount(owner)
	case who.User == owner && who.uid != acc.UID:
		return EventPage{}, unauthenticated("the account is a namesake's now")
	}
	since := t.a.now().Add(-activityKept)
	if acc.Created.After(since) {
		since = acc.Created
	}
	return t.page(ctx, w, before, limit, func(line []byte) (Event, verdict) {
		if at, ok := timeOf(line); ok && at.Before(since) {
			return Event{}, tooOld
		}
		if !mayConcern(line, owner) {
			return Event{}, notWanted
		}
		var e Event
		if json.Unmarshal(line, &e) != nil || e.Time.Before(since) {
			return Event{}, notWanted
		}
		if e.Action == string(actUserDelete) && e.Result == "ok" && e.Target == owner {
			return Event{}, over // of a namesake
		}
		if !e.concerns(owner) {
			return Event{}, notWanted
		}
		return e.shownTo(owner), wanted
	})
}

// timeOf reads the time of a line as the trail writes it, first.
func timeOf(line []byte) (time.Time, bool) {
	line, ok := bytes.CutPrefix(line, []byte(`{"time":"`))
	if !ok {
		return time.Time{}, false
	}
	text, _, ok := bytes.Cut(line[:min(len(line), len(time.RFC3339Nano)+1)], []byte(`"`))
	if !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(text))
	return at, err == nil
}

// mayConcern is a quick no for most lines. Names stand in JSON as they are.
func mayConcern(line []byte, owner string) bool {
	return bytes.Contains(line, []byte(owner)) ||
		bytes.Contains(line, []byte(`"`+string(actKeyRevokeAll)+`"`)) ||
		bytes.Contains(line, []byte(`"`+everybody+`"`))
}

// everybody is the target of acts of ofNames that name nobody.
const everybody = "everybody"

// concerns reports that e is of owner's account: that it did it, or that it
// was done to it.
func (e Event) concerns(owner string) bool {
	if e.User == owner {
		return true
	}
	if e.Result == "refused" {
		return false
	}
	switch acts[act(e.Action)].target {
	case aName:
		return e.Target == owner
	case aThing:
		// Where it went wrong, the first word may be what somebody made up.
		name, _, _ := strings.Cut(e.Target, " ")
		return e.Result == "ok" && name == owner
	case names:
		if e.Target == everybody {
			return true
		}
		for name := range strings.SplitSeq(e.Target, " ") {
			if name == owner {
				return true
			}
		}
	case allKeys:
		return true
	}
	return false
}

// shownTo is e as owner may see it.
func (e Event) shownTo(owner string) Event {
	e.Chain = ""
	if e.Result == "failed" {
		e.Cause = "" // of the store, or a bug
	}
	if e.User == owner {
		return e
	}
	if t := acts[act(e.Action)].target; t == names || t == allKeys {
		e.Target = owner // the others are none of theirs
	}
	if e.User != "" { // who did it is known, and told
		e.Addr, e.Client, e.Door, e.Request, e.Credential = "", "", "", "", ""
	}
	return e
}
