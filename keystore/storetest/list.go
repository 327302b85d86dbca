package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

func testList(t *testing.T, open Open) {
	t.Run("nothing is listed of an empty store", func(t *testing.T) {
		if all := listed(t, open(t, time.Now), ""); len(all) != 0 {
			t.Errorf("listed %v", all)
		}
	})

	s := open(t, time.Now)
	const many = 700 // more than one page of any backend
	var wg sync.WaitGroup
	for w := range 50 {
		wg.Go(func() {
			for i := w; i < many; i += 50 {
				if err := s.Create(deadline(t), text(fmt.Sprintf("many/%04d", i), fmt.Sprint(i))); err != nil {
					t.Errorf("create: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for _, k := range hostileKeys {
		create(t, s, text("h/"+k, k))
		create(t, s, text("g/"+k+"/x", k))
	}

	t.Run("every item comes once", func(t *testing.T) {
		all := listed(t, s, "many/")
		if len(all) != many {
			t.Fatalf("%d items, want %d", len(all), many)
		}
		for i := range many {
			if got := all[fmt.Sprintf("many/%04d", i)]; string(got.Value) != fmt.Sprint(i) {
				t.Fatalf("item %d is %+v", i, got)
			}
		}
	})
	t.Run("an empty prefix is everything", func(t *testing.T) {
		if n := len(listed(t, s, "")); n != many+2*len(hostileKeys) {
			t.Errorf("%d items, want %d", n, many+2*len(hostileKeys))
		}
	})
	t.Run("a prefix is its bytes, not a pattern", func(t *testing.T) {
		for _, k := range hostileKeys {
			all := listed(t, s, "g/"+k+"/")
			if _, ok := all["g/"+k+"/x"]; len(all) != 1 || !ok {
				t.Errorf("prefix %q gave %v", k, all)
			}
		}
		if all := listed(t, s, "h/*"); len(all) != 1 {
			t.Errorf("prefix h/* gave %v", all)
		}
		if all := listed(t, s, "many/00?"); len(all) != 0 {
			t.Errorf("prefix many/00? gave %v", all)
		}
		if n := len(listed(t, s, "many/000")); n != 10 {
			t.Errorf("prefix many/000 gave %d", n)
		}
		if n := len(listed(t, s, "many/0007")); n != 1 {
			t.Errorf("a whole key as prefix gave %d", n)
		}
	})
	t.Run("it may be left early, and the store written meanwhile", func(t *testing.T) {
		n := 0
		for item, err := range s.List(deadline(t), "many/") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				break
			}
			if err := s.Delete(deadline(t), item.Key); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(listed(t, s, "many/")); n != many-2 {
			t.Errorf("%d left, want %d", n, many-2)
		}
	})
	t.Run("everything can be deleted while it is listed", func(t *testing.T) {
		for item, err := range s.List(deadline(t), "many/") {
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(deadline(t), item.Key); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(listed(t, s, "many/")); n != 0 {
			t.Errorf("%d left", n)
		}
	})
	t.Run("an ended context ends it with an error", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range s.List(ctx, "") {
			last = err
			cancel()
		}
		wantErr(t, "list", last, context.Canceled)
		n := 0
		for _, err := range s.List(ctx, "") {
			n++
			wantErr(t, "list", err, context.Canceled)
		}
		if n != 1 {
			t.Errorf("%d results, want the error alone", n)
		}
	})
}
