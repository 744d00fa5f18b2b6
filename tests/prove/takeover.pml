/* May a VM be started on B while A could still write?  One VM, its old host A, one witness, and whoever leads the controllers.
 *
 * Time is discrete.  Nothing but the watchdog's firing is ever forced: a step that is not taken is a process that is paused, a message
 * that is late, a disk that hangs.  So every pause, delay, loss and crash of every part is among the runs.
 * A's clock may lose SLIP ticks; the witness's is right, so SLIP stands for all that two clocks may differ by.
 *
 * What must hold: when B runs the VM (epoch 2), A's copy (epoch 1) is gone and its last write has landed.
 *
 * Bounds, each to be broken by one tick less:         Faults, each to be found:
 *   T_DEAD      silence before the verdict `dead`        END_COUNTS         a renewal counts from its acknowledgement
 *   REACH       what a pet is taken to last              STALE_VIEW         the witness trusts a scan without its own last word
 *   HOLD_OVER   what the controller waits for a hold     OLD_VERDICT        a verdict from before the end of a hold is used
 *   DRAINED     what a lease waits for last writes       ANY_ORDER          an order given under an older lease is obeyed
 *                                                        LASTING_AUTHORITY  a lapse leaves standing authority
 *                                                        RESURRECTION       an acknowledgement prolongs a lease that is ending
 *   WORD        what a word that it is gone waits for    HASTY_GONE         a start in flight counts as gone when no process is seen
 *   HEARD       how soon a boot or an Off is believed    UNANSWERED         that word waits for no answer of storage
 *                                                        EARLY_ANSWER       or for one to a write begun within delta of the end
 *                                                        UNSEEN             a boot or an Off is believed though nobody saw the pool move since
 *
 * With GONE or OFF the pool may stand still for all: nothing is read or lands, what is held back is let go when it moves.  With GONE A may give its
 * word; with OFF it is heard that its host has booted, or is off.
 */

#ifndef V
#define V 5            /* validity */
#define W 1            /* watchdog, at its slowest */
#define G 1            /* kill grace */
#define DELTA 1        /* late I/O */
#define SLIP 1
#define H 6            /* hold */
#endif
#ifndef T_DEAD
#define T_DEAD (V + SLIP + DELTA + 1)
#endif
#ifndef REACH
#define REACH W
#endif
#ifndef HOLD_OVER
#define HOLD_OVER (H + SLIP + DELTA + 1)
#endif
#ifndef DRAINED
#define DRAINED (DELTA + 1)
#endif

#ifndef WORD
#define WORD (DELTA + 1)
#endif

#ifndef HEARD
#define HEARD (DELTA + 1)
#endif

#define NONE 0
#define IN_FLIGHT 1    /* authorised; the hypervisor may start it at any time */
#define RUNS 2

/* A: its power, its watchdog, its copy of the guest */
bool up = true;
bool armed = true;
byte dog = W;
byte guest = NONE;
byte late = 0;         /* its last write may still land for so long */
byte slips = SLIP;

/* A's lease daemon */
bool held = true;
bool fresh = true;     /* a renewal was acknowledged to this very process */
byte generation = 0;   /* 0: the one the order was given under; 1: any later */
byte stored = V;       /* until L by storage */
byte granted = 0;      /* until L by a hold */
bool entry = false;    /* the ledger's */
bool confirmed = false;
bool authority = false;
bool condemned = false;
bool poisoned = false;
byte draining = 0;     /* until it may drop a lease, or claim its slot */
bool owned = true;     /* the slot was last written by this boot */

/* a renewal on its way */
bool flying = false;
bool landed = false;
byte flight = 0;       /* since it was begun */
byte flight_generation = 0;

/* the slot */
byte slot_generation = 0;
byte poison = 0;       /* 1 + the generation meant */
bool moved = false;    /* since the witness read it last */

/* the witness */
byte unchanged = 0;    /* since the end of the scan that first saw this value */
bool window = true;
byte scan = 0;         /* 0 idle, 1 begun, 2 read */
bool ripe = false;     /* when this scan began, T_DEAD had passed */
bool timely = false;   /* when it began, no hold was outstanding */
bool differs = false;
bool stale = false;

/* the controllers: an order under way, a hold asked for and granted, what the leader knows */
bool order = true;
bool asked = false;
bool grant = false;
byte asking = 0;
byte outstanding = 0;
bool dead = false;
bool released = false;
bool b_runs = false;

/* the pool, and what A's agent knows of its guest's end */
bool still = false;
byte ended = 0;        /* so long ago */
bool since = false;    /* the renewal on its way was begun long enough after it */
bool answered = false; /* such a one is acknowledged */
bool gone = false;     /* A's word is given */

/* what is heard of a host that died */
bool died = false;
byte dead_for = 0;
bool heard = false;    /* that it died, HEARD ago or longer */
bool seen = false;     /* since then somebody's write was begun and acknowledged */

/* A renewal begun now will tell of the guest's last write. */
#ifdef EARLY_ANSWER
#define ANSWERS (guest == NONE)
#else
#define ANSWERS (guest == NONE && ended == WORD)
#endif

#define LEFT (stored > granted -> stored : granted)
#define VALID (held && fresh && !condemned && LEFT > REACH + G && armed)

/* Something of A can still write, or come to run: without it nothing can go wrong any more, and time may stop. */
#define THREAT (order || authority || entry || guest != NONE || late > 0)

/* Whatever a lease daemon does, it first judges by the new time. */
inline judge() {
  if
  :: held && !condemned && entry && LEFT <= REACH + G -> condemned = true
  :: held && !condemned && !entry && LEFT == 0 -> condemned = true; draining = DRAINED
  :: else
  fi
}

inline leave_ledger() {
  entry = false; confirmed = false;
  if :: condemned -> draining = DRAINED :: else fi
}

inline enter_ledger() {
  entry = true; confirmed = false; guest = IN_FLIGHT
}

inline guest_dies() {
  if :: guest == RUNS -> late = DELTA + 1; ended = 0; since = false; answered = false :: else fi;
  guest = NONE
}

inline host_dies() {
  guest_dies();
  up = false; armed = false; dog = 0; entry = false; confirmed = false; authority = false; condemned = false; poisoned = false;
  held = false; fresh = false; stored = 0; granted = 0; draining = 0; asked = false; grant = false; asking = 0;
  ended = 0; since = false; answered = false
#ifdef OFF
  ; died = true
#endif
}

#define COUNT_DOWN(x) if :: x > 0 -> x-- :: else fi

inline tick() {
  if
  :: slips > 0 -> slips--              /* A's clock loses this one */
  :: true ->
     COUNT_DOWN(stored); COUNT_DOWN(granted); COUNT_DOWN(draining);
     if :: flying && flight < V -> flight++ :: else fi;
#ifdef GONE
     if :: up && guest == NONE && ended < WORD -> ended++ :: else fi;
#endif
     if :: (asked || grant) && asking < H -> asking++ :: else fi
  fi;
  if :: up && armed -> dog-- :: else fi;
  if :: !still -> COUNT_DOWN(late) :: else fi; COUNT_DOWN(outstanding);
#ifdef OFF
  if :: died && dead_for < HEARD -> dead_for++ :: else fi;
#endif
  if :: window && unchanged < T_DEAD -> unchanged++ :: else fi
}

active proctype world() {
  do
  /* --- time: only a watchdog that must fire holds it up --- */
  :: atomic { !(up && armed && dog == 0) && THREAT -> tick() }
  :: d_step { up && armed && dog == 0 -> host_dies() }
  :: d_step { up -> host_dies() }                       /* power loss */
  :: d_step { !up && !flying -> up = true; generation = 1; owned = false; draining = DRAINED }   /* it boots, and watches its slot */

  /* --- A renews --- */
  :: d_step { up && !flying -> judge();
       if :: !condemned && draining == 0 -> flying = true; landed = false; flight = 0; flight_generation = generation; since = ANSWERS :: else fi }
  :: d_step { flying && !landed && !still -> landed = true; owned = up; moved = !b_runs; slot_generation = flight_generation }
  :: d_step { up && flying && landed -> judge(); flying = false; landed = false;
       if
#ifdef RESURRECTION
       :: flight_generation == generation ->
#else
       :: flight_generation == generation && !condemned ->
#endif
#ifdef END_COUNTS
          stored = V;
#else
          stored = V - flight;
#endif
          held = true; fresh = true
       :: else
       fi; flight = 0; flight_generation = 0; answered = (answered || since); since = false }
  :: d_step { flying -> flying = false; landed = false; flight = 0; flight_generation = 0 }   /* never heard of again */

  /* --- A keeps its watchdog and its guests --- */
  :: d_step { up -> judge();
       if :: !entry || (held && fresh && LEFT >= REACH) -> dog = W; armed = true :: else fi }
  :: d_step { up -> judge(); if :: condemned && guest == RUNS -> guest_dies() :: else fi }
  :: d_step { up && condemned && entry && guest != RUNS ->
#ifndef HASTY_GONE
       if :: confirmed && guest == NONE -> leave_ledger() :: else fi
#else
       leave_ledger()
#endif
     }
  :: d_step { up && entry && guest == NONE -> judge(); leave_ledger() }         /* the hypervisor's own word */
  :: d_step { up && condemned && !entry && draining == 0 ->
       condemned = false; held = false; stored = 0; granted = 0; generation = 1; poisoned = false; asked = false; grant = false; asking = 0 }
  :: d_step { up -> judge();                                                     /* the daemon is killed and started again */
       fresh = false; condemned = false; flying = false; landed = false; flight = 0; flight_generation = 0;
       draining = (owned -> 0 : DRAINED); asked = false; grant = false; asking = 0; judge() }

  /* --- the guest on A --- */
  :: d_step { up && order -> order = false; judge();
       if
#ifdef ANY_ORDER
       :: VALID && !entry -> enter_ledger(); authority = true
#else
       :: VALID && !entry && generation == 0 -> enter_ledger(); authority = true
#endif
       :: else
       fi }
  :: d_step { up && authority && !entry -> judge();
       if
#ifdef LASTING_AUTHORITY
       :: VALID -> enter_ledger()
#else
       :: VALID && generation == 0 -> enter_ledger()
#endif
       :: else
       fi }
  :: d_step { up && guest == IN_FLIGHT -> guest = RUNS; assert(!b_runs) }
  :: d_step { up && entry && guest == RUNS -> confirmed = true }
  :: d_step { up && guest == RUNS -> guest_dies() }                              /* it crashes */

#ifdef POISON
  /* --- somebody poisons the slot --- */
  :: d_step { !b_runs -> poison = slot_generation + 1 }
  :: d_step { up && poison > generation && !poisoned && !condemned -> judge();
       condemned = true; poisoned = true; if :: !entry -> draining = DRAINED :: else fi }
#endif

  /* --- the witness: a scan begins, reads, ends --- */
  :: d_step { scan == 0 && !b_runs -> scan = 1; ripe = (window && unchanged >= T_DEAD); timely = (outstanding == 0) }
  :: d_step { scan == 1 && !still -> scan = 2; differs = moved; moved = false; stale = false;
       if :: slot_generation > 0 -> released = true :: else fi }
  :: d_step { scan == 1 -> scan = 2; differs = false; stale = true }            /* its view hangs behind */
  :: d_step { scan == 2 -> scan = 0;
       if
#ifndef STALE_VIEW
       :: stale -> window = false; unchanged = 0
#endif
       :: !window && !stale -> window = true; unchanged = 0
       :: window && differs && !stale -> unchanged = 0
       :: else ->
#ifdef OLD_VERDICT
          if :: ripe -> dead = true :: else fi
#else
          if :: ripe && timely && outstanding == 0 -> dead = true :: else fi
#endif
       fi; ripe = false; timely = false; differs = false; stale = false }

#if defined(GONE) || defined(OFF)
  /* --- the pool stands still, and moves --- */
  :: d_step { !still && !b_runs -> still = true }
  :: d_step { still -> still = false; late = 0 }
#endif

#ifdef OFF
  /* --- it is heard that A's host is off, or has booted; somebody sees the pool move since --- */
  :: d_step { dead_for == HEARD && !heard && !b_runs -> heard = true }
  :: d_step { heard && !seen && !still && !b_runs -> seen = true }
#ifdef UNSEEN
#define SETTLED heard
#else
#define SETTLED (heard && seen)
#endif
#else
#define SETTLED false
#endif

#ifdef GONE
  /* --- A gives its word that its guest is gone, and starts it under this epoch no more --- */
  :: d_step { up && guest == NONE && !entry && ended == WORD && !gone && !b_runs ->
#ifndef UNANSWERED
       if :: answered -> gone = true; order = false; authority = false :: else fi
#else
       gone = true; order = false; authority = false
#endif
     }
#endif

#ifdef HOLD
  /* --- holds, by a leader that may change --- */
  :: d_step { up && entry && held && !condemned && !asked && !grant -> judge();
       if :: !condemned -> asked = true; asking = 0 :: else fi }
  :: d_step { asked && !b_runs -> asked = false; grant = true; outstanding = HOLD_OVER;
#ifndef OLD_VERDICT
       dead = false; timely = false
#endif
     }
  :: d_step { up && grant -> grant = false; judge();
       if :: held && fresh && !condemned && H - asking > granted -> granted = H - asking :: else fi; asking = 0 }
  :: d_step { asked || grant -> asked = false; grant = false; asking = 0 }      /* a message is lost */
  :: d_step { !b_runs -> outstanding = HOLD_OVER; dead = false; timely = false }   /* another leads, and knows of no grant */
#endif

  /* --- the takeover: epoch 2 by compare-and-set, once --- */
  :: d_step { !b_runs && ((dead && outstanding == 0) || released || gone || SETTLED) -> b_runs = true;
       assert(guest != RUNS && late == 0);
       scan = 0; window = false; unchanged = 0; ripe = false; timely = false; differs = false; stale = false; moved = false;   /* all said */
       dead = false; released = false; gone = false; heard = false; seen = false; outstanding = 0; poison = 0 }
  od
}
