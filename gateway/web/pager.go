package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// perPage is how many rows of a list stand on one page.
const perPage = 50

// eventsPerPage is how many events of the audit trail do. They bring all their fields, and a page
// of them is to stay below 60 kB.
const eventsPerPage = 25

// pager leads to the other pages of a list that is whole in memory.
type pager struct {
	Page, Pages, Total int
	Previous, Next     string // addresses; empty: there is none
}

// paged is the part of all that r asks for with ?page=N, from 1; a page beyond
// the end is the last. at is the address of the list, fragment where it stands
// in the page, as "#tokens" or empty.
func paged[T any](r *http.Request, all []T, at, fragment string) ([]T, pager) {
	n := max(1, (len(all)+perPage-1)/perPage)
	page, err := strconv.Atoi(r.URL.Query().Get(pageInQuery))
	if err != nil || page < 1 {
		page = 1
	}
	page = min(page, n)
	pg := pager{Page: page, Pages: n, Total: len(all)}
	to := func(page int) string {
		if page == 1 {
			return at + fragment
		}
		sep := "?"
		if strings.Contains(at, "?") {
			sep = "&"
		}
		return at + sep + pageInQuery + "=" + strconv.Itoa(page) + fragment
	}
	if page > 1 {
		pg.Previous = to(page - 1)
	}
	if page < n {
		pg.Next = to(page + 1)
	}
	return all[(page-1)*perPage : min(page*perPage, len(all))], pg
}

const (
	pageInQuery   = "page"   // of a list that is whole in memory
	beforeInQuery = "before" // the place in the audit trail that a page of events ends at
)

// beforeOf is the place that a query names; 0, for the newest events, where it
// names none.
func beforeOf(query url.Values) int64 {
	before, err := strconv.ParseInt(query.Get(beforeInQuery), 10, 64)
	if err != nil {
		return 0
	}
	return max(0, before)
}
