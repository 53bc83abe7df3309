/* The stages of the data path, in path order: the rows of the drop table. */
#ifndef ENGINE_STAGE_H
#define ENGINE_STAGE_H

#define STAGES(X)                                                                                  \
    X(ADMIT, "admit")           /* downlink/admit.c */                                             \
    X(PLAN, "plan")             /* downlink/plan.c */                                              \
    X(SEAL, "seal")             /* downlink/seal.c */                                              \
    X(COMMIT, "commit")         /* downlink/commit.c */                                            \
    X(SEGMENT, "segment")       /* downlink/segment.c */                                           \
    X(SEND, "send")             /* downlink/send.c */                                              \
    X(RECEIVE, "receive")       /* uplink/receive.c */                                             \
    X(ROUTE, "route")           /* uplink/route.c */                                               \
    X(REASSEMBLE, "reassemble") /* uplink/reassemble.c */                                          \
    X(OPEN, "open")             /* uplink/open.c */                                                \
    X(MATCH, "match")           /* uplink/match.c */                                               \
    X(RECEIPT, "receipt")       /* uplink/receipt.c */

enum stage {
#define STAGE(name, label) STAGE_##name,
    STAGES(STAGE)
#undef STAGE
        STAGE_COUNT
};

#endif
